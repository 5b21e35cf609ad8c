"""The one way by which requests of an integration go out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from shared.adapters.http import FORM_TYPE, JSON_TYPE, HttpClient, HttpRequest, HttpResponse, read_aside
from shared.adapters.rest.bodies import encoded_body
from shared.adapters.rest.connection import Connection
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.error_rules import ErrorRules
from shared.adapters.rest.limits import RateLimitHeaders, Timeouts
from shared.adapters.rest.quota import pause_told
from shared.adapters.rest.requests import Request
from shared.adapters.rest.signers import Signers
from shared.adapters.rest.signing import Signer
from shared.adapters.rest.templates import fill
from shared.domain.errors import CredentialsRejectedError, InvalidRequestError, ThrottledError
from shared.resilience.rate_limit import RateLimiter

Make = Callable[[Signer], HttpRequest]
"""Makes a request, with credentials that are good now, that goes out at once."""
ReadBody = Callable[[HttpResponse], Any]
"""Returns the parsed body of a success, and raises what a failure means."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Line:
    """What the requests of one integration, or of one of its entities, share.

    Attributes:
        limiter: Lets its requests through.
        quota: Where answers tell what is left of the provider's limits.
        timeouts: For one exchange.
    """

    http: HttpClient
    connection: Connection
    signers: Signers
    errors: ErrorRules
    limiter: RateLimiter
    quota: RateLimitHeaders | None
    timeouts: Timeouts

    async def exchange(self, make: Make, read: ReadBody | None = None) -> tuple[HttpResponse, Any]:
        """Send one request when it is its turn; return the answer and its parsed body.

        It is sent once more where its token was rejected and there is another one.

        Args:
            make: Makes the request. Called after the wait, so that nothing in it has become stale.
            read: Reads the answer's body; that of a list without it.

        Raises:
            ThrottledError: The provider asks for a pause, or its limits leave no room for minutes to come.
            IntegrationError: What else `HttpClient.send`, `TokenSource.token` and `read` raise.
        """
        async with self.limiter.turn():
            signer = await self.signers.current()
            try:
                return await self._send(make(signer), read or self.errors.body_of)
            except CredentialsRejectedError:
                renewed = await self.signers.renewed(signer)
                if renewed is None:
                    raise
        async with self.limiter.turn():
            return await self._send(make(renewed), read or self.errors.body_of)

    def request(
        self, request: Request, draft: Draft, signer: Signer, about: Mapping[str, Any] = _NOTHING
    ) -> HttpRequest:
        """Return a request of the document as it goes out.

        Args:
            request: As the document has it.
            draft: What is added to it.
            signer: Adds the credentials.
            about: Values for its placeholders besides settings.

        Raises:
            InvalidRequestError: A value can't stand in a header.
            RecordRejectedError: The record can't be written as the document says.
        """
        values = {**self.connection.values, **about}
        first = self.connection.url_of(request, draft.query, about)
        url = str(first) if draft.target is None else f"{first.origin()}{draft.target}"
        own = {name: fill(template, values) for name, template in request.headers.items()}
        return HttpRequest(
            request.method,
            signer.signed(url),
            {**_sendable({**own, **draft.headers}), **signer.headers},
            timeout_seconds=self.timeouts.total_seconds,
            connect_timeout_seconds=self.timeouts.connect_seconds,
            body=encoded_body(request, values, draft),
            content_type=JSON_TYPE if request.form is None else FORM_TYPE,
            secrets=signer.secrets,
            shown_path=self.connection.shown_path(request, about) if about else None,
        )

    async def _send(self, request: HttpRequest, read: ReadBody) -> tuple[HttpResponse, Any]:
        response = await self.http.send(request)
        self._heed(pause_told(self.quota, response))
        try:
            return response, await read_aside(read, response)
        except ThrottledError as error:
            self._heed(error.retry_after_seconds)
            raise

    def _heed(self, pause_seconds: float | None) -> None:
        if pause_seconds is not None:
            self.limiter.pause(pause_seconds)


def _sendable(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not value.isprintable():
            raise InvalidRequestError(f"The value for the header {name} has a control character; remove it.")
    return headers
