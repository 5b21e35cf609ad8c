"""What all parts that fetch an entity's pages have in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

from shared.adapters.http import HttpResponse
from shared.ports.adapter import FetchRequest, SourcePage

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # where clocks begin that have lost their battery


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page, and a moment: what had changed by then is in it, as far as it belongs there."""

    page: SourcePage
    as_of: datetime


class PageSource(Protocol):
    """Fetches an entity's pages. One may be put into another, which keeps its positions in its own."""

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch one page, with one attempt; raises what `Adapter.fetch_page` does."""
        ...


def as_of(response: HttpResponse, timeout_seconds: float) -> datetime:
    """Return a moment before the provider looked for the answer, on the earlier of its clock and ours.

    The header Date tells when the answer was sent. The provider looked later than the request went out, and
    that was less than the time-out before.
    """
    ours = response.received_at
    return min(ours, told_time(response) or ours) - timedelta(seconds=timeout_seconds)


def told_time(response: HttpResponse) -> datetime | None:
    """Return when an answer was sent by the provider's clock; None where it does not tell."""
    try:
        moment = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return max(moment if moment.tzinfo else moment.replace(tzinfo=UTC), _EPOCH)
