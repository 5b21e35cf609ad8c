"""What answers tell about the requests that are left."""

from __future__ import annotations

from shared.adapters.http import HttpResponse
from shared.adapters.http_errors import parse_pause
from shared.adapters.rest.limits import RateLimitHeaders


def pause_told(headers: RateLimitHeaders | None, response: HttpResponse) -> float | None:
    """Return for how many seconds nothing is left of a limit; None where something is, or nobody tells."""
    if headers is None or not _is_used_up(response.header(headers.remaining)):
        return None
    return parse_pause(response.header(headers.reset), now=response.received_at)


def _is_used_up(remaining: str | None) -> bool:
    try:
        return float(remaining or "") <= 0
    except ValueError:
        return False
