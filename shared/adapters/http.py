"""HTTP to providers: one session per process, with limits on time, size and where it may go.

Importing this costs aiohttp's import, 170 ms at a cold start: import it at the first use.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from shared.adapters.addresses import PLAIN_HTTP, public_socket
from shared.adapters.http_errors import error_of_exception, error_of_status, parse_retry_after
from shared.adapters.json_body import NotJsonError, parse_json
from shared.adapters.redaction import excerpt
from shared.domain.errors import ConfigurationError, ProviderContractError
from shared.ports.clock import Clock

API_CALL_TIMEOUT_SECONDS = 30.0
"""The operations guide's `apiCall`."""
CONNECT_TIMEOUT_SECONDS = 10.0
"""The operations guide's `connectionTimeout`."""
CONNECTION_LIMIT = 100
MAX_RESPONSE_BYTES = 32 * 1024 * 1024
LARGE_BODY_BYTES = 1024 * 1024
"""Larger ones take tens of milliseconds to read, for which other work on the event loop would wait."""
MAX_REDIRECTS = 3
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"

T = TypeVar("T")

_VISIBLE = re.compile(r"[!-~]+")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"Accept": JSON_TYPE, "User-Agent": "castiel-integrations/1"}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request. Its repr tells neither query nor headers: both may hold secrets.

    Attributes:
        method: In capitals.
        url: Absolute and already percent-encoded; it goes out as it is.
        headers: Besides the client's own.
        timeout_seconds: For the whole exchange, from the connection to the body's last byte.
        connect_timeout_seconds: Until there is a connection.
        body: What to send.
        content_type: Of the body.
        secrets: What no message about the answer may repeat.
        max_response_bytes: Of the decompressed answer, where less than the client's own bound will do.
        shown_path: What messages tell in place of the path, where that may hold a record's value.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = API_CALL_TIMEOUT_SECONDS
    connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS
    body: bytes | None = field(default=None, repr=False)
    content_type: str = JSON_TYPE
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    max_response_bytes: int | None = None
    shown_path: str | None = None

    @property
    def place(self) -> str:
        """Method, host and path: what error messages may tell."""
        return f"{self.method} {_place(self.url, self.shown_path)}"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer, whatever its status.

    Attributes:
        request: What was asked; its URL is the last one after redirects.
        headers: Names are case-insensitive, and may come several times; `header` joins them.
        body: Decompressed.
        received_at: When the head arrived.
    """

    request: HttpRequest
    status: int
    headers: CIMultiDictProxy[str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime

    def header(self, name: str) -> str | None:
        """Return a header, of several with that name all in one list (RFC 9110, 5.3); None without any."""
        return ", ".join(self.headers.getall(name, ())) or None

    @property
    def is_success(self) -> bool:
        """True when the status is 2xx."""
        return self.status // 100 == 2  # noqa: PLR2004 - the first digit is the status class (RFC 9110, 15)

    def require_success(self, retry_after_seconds: float | None = None, said: str = "") -> None:
        """Return when the status is 2xx.

        Args:
            retry_after_seconds: The pause asked for; without it, that of the header Retry-After.
            said: What the provider says about a failure, fit for a message.

        Raises:
            ThrottledError, UnavailableError: 408, 425, 429 and 5xx, with the pause asked for.
            CredentialsRejectedError: 401.
            AccessDeniedError: 403 and its like.
            ProviderContractError: Any other.
        """
        if not self.is_success:
            pause = retry_after_seconds
            if pause is None:
                pause = parse_retry_after(self.headers.get("Retry-After"), now=self.received_at)
            raise error_of_status(self.status, self.request.place, retry_after_seconds=pause, said=said)

    def json(self, *, quoting: bool = True) -> Any:
        """Parse the body.

        Args:
            quoting: Whether an error may show a part of the body.

        Raises:
            ProviderContractError: `parse_json` refuses it.
        """
        try:
            return parse_json(self.body, self.headers.get("Content-Type", "no content type"))
        except NotJsonError as error:
            message = f"{self.request.place} answered with {error}"
            if not quoting:
                raise ProviderContractError(f"{message}.") from None
            part = self.body if error.shows is None else error.shows.encode()
            shown = excerpt(part, self.request.secrets)
            raise ProviderContractError(f"{message}: {shown!r}") from None


async def read_aside(read: Callable[[HttpResponse], T], response: HttpResponse) -> T:
    """Call a function that parses a response: in a thread if the body is large. Raises what it raises."""
    if len(response.body) > LARGE_BODY_BYTES:
        return await asyncio.to_thread(read, response)
    return read(response)


class HttpClient:
    """Sends requests. Keeps no cookies, reads no proxy settings from the environment.

    Args:
        clock: For Retry-After given as a date.
        allow_private_addresses: Whether requests may go to addresses that are not public, and over plain
            http. Only where the operator and the tenants are the same people, as in embedded mode.
        max_response_bytes: Of a decompressed body. Larger ones are refused while they arrive, so that
            memory stays flat.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        allow_private_addresses: bool = False,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
    ) -> None:
        self._clock = clock
        self._allow_plain_http = allow_private_addresses
        self._socket_factory = None if allow_private_addresses else public_socket
        self._max_response_bytes = max_response_bytes
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and read the whole answer, whatever its status.

        A GET follows up to three redirects within its origin; nothing ever goes to another one.

        Raises:
            UnavailableError: No answer, or a broken one.
            ConfigurationError: The URL or the server's certificate is wrong, or the address not public; or
                it is http where only public addresses are allowed.
            ProviderContractError: The body is too large, or the redirects lead nowhere or elsewhere.
        """
        response = await self._exchange(request)
        for _ in range(MAX_REDIRECTS):
            if not _is_redirect(response):
                return response
            response = await self._exchange(_redirected(response))
        if _is_redirect(response):
            raise ProviderContractError(f"{request.place} redirects more than {MAX_REDIRECTS} times.")
        return response

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def _exchange(self, request: HttpRequest) -> HttpResponse:
        url = _require_url(request.url)
        if url.scheme == "http" and not self._allow_plain_http:
            raise ConfigurationError(f"{request.place} {PLAIN_HTTP}.")
        timeout = aiohttp.ClientTimeout(
            total=request.timeout_seconds, sock_connect=request.connect_timeout_seconds
        )
        try:
            async with self._open().request(
                request.method,
                url,
                headers=_headers(request),
                data=request.body,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                received_at = self._clock.now()
                body = await self._read(answer, request)
                return HttpResponse(request, answer.status, answer.headers, body, received_at)
        except (aiohttp.ClientError, OSError) as error:
            # Without its cause, whose text may hold the query.
            raise error_of_exception(error, request.place) from None

    async def _read(self, answer: aiohttp.ClientResponse, request: HttpRequest) -> bytes:
        chunks: list[bytes] = []
        size = 0
        most = min(self._max_response_bytes, request.max_response_bytes or self._max_response_bytes)
        async for chunk in answer.content.iter_any():
            size += len(chunk)
            if size > most:
                answer.close()
                raise ProviderContractError(
                    f"{request.place} answered with more than {most} bytes; ask for smaller pages."
                )
            chunks.append(chunk)
        return b"".join(chunks)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTION_LIMIT, socket_factory=self._socket_factory),
                cookie_jar=aiohttp.DummyCookieJar(),  # tenants share the session
                headers=_HEADERS,
            )
        return self._session


def parse_url(text: str, *, relative_to: URL | None = None) -> URL | None:
    """Read an http or https URL as it stands, without encoding or decoding anything; None if it is none."""
    if not _VISIBLE.fullmatch(text):
        return None
    try:
        url = relative_to.join(URL(text, encoded=True)) if relative_to else URL(text, encoded=True)
        usable = url.scheme in {"http", "https"} and url.host and url.port
    except ValueError:
        return None
    return url if usable else None


def origin_of(url: URL) -> str:
    """Return scheme, host and port, written the same for the same origin: where credentials may go."""
    return f"{url.scheme}://{url.host}:{url.port}"


def _require_url(text: str) -> URL:
    url = parse_url(text)
    if url is None:
        raise ConfigurationError("Not an http or https URL; check the integration's settings.")
    return url


def _place(text: str, shown_path: str | None) -> str:
    url = _require_url(text)
    return f"{url.raw_authority.rpartition('@')[2]}{shown_path or url.raw_path}"


def _headers(request: HttpRequest) -> Mapping[str, str]:
    if request.body is None:
        return request.headers
    return {**request.headers, "Content-Type": request.content_type}


def _is_redirect(response: HttpResponse) -> bool:
    return response.status in _REDIRECTS and "Location" in response.headers


def _redirected(response: HttpResponse) -> HttpRequest:
    request = response.request
    here = _require_url(request.url)
    target = parse_url(response.headers["Location"], relative_to=here)
    if target is None:
        raise ProviderContractError(f"{request.place} redirects to something that is not a URL.")
    if request.method != "GET" or origin_of(target) != origin_of(here):
        raise ProviderContractError(
            f"{request.place} redirects to {origin_of(target)}; use the final address as base URL."
        )
    return replace(request, url=str(target))
