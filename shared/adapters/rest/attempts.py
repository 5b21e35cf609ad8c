"""How far the one attempt at a request came that must not be repeated in doubt."""

from __future__ import annotations

from typing import Any

from shared.adapters.http import HttpRequest, HttpResponse
from shared.adapters.rest.line import Make, ReadBody
from shared.adapters.rest.signing import Signer

_REQUEST_TIMEOUT = 408


class Attempt:
    """Watches an exchange: a failure before the request goes out, or a refusal, leaves no doubt."""

    def __init__(self) -> None:
        self._sent = False
        self._response: HttpResponse | None = None

    @property
    def may_have_succeeded(self) -> bool:
        """True where the provider may have done what it was asked for, whatever the failure."""
        return self._sent and not (self._response and _was_refused(self._response))

    def sending(self, make: Make) -> Make:
        """Return what makes the same request, watched."""

        def made(signer: Signer) -> HttpRequest:
            request = make(signer)
            self._sent, self._response = True, None
            return request

        return made

    def reading(self, read: ReadBody) -> ReadBody:
        """Return what reads the same body, watched."""

        def body_of(response: HttpResponse) -> Any:
            self._response = response
            return read(response)

        return body_of


def _was_refused(response: HttpResponse) -> bool:
    """True where the provider surely did nothing: 4xx, but for the one that says that it got tired."""
    return response.status // 100 == 4 and response.status != _REQUEST_TIMEOUT  # noqa: PLR2004 - RFC 9110, 15
