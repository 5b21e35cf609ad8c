"""What a failed HTTP exchange means for the caller: one table from foreign errors to the domain's."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from shared.adapters.addresses import NOT_PUBLIC, RefusedAddressError
from shared.domain.errors import (
    AccessDeniedError,
    ConfigurationError,
    CredentialsRejectedError,
    IntegrationError,
    ProviderContractError,
    RetryableError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)

LONGEST_PAUSE_SECONDS = 86_400.0
"""A provider may stop us for a day, the longest quota period known; not for good."""

_FIRST_EPOCH_SECONDS = 1_000_000_000.0
"""September 2001: a number of seconds from here on is a moment, not a pause of thirty years."""

_FIRST_EPOCH_MILLISECONDS = 100_000_000_000.0
"""March 1973 in milliseconds, and the year 5138 in seconds."""

_SECONDS = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The error to raise, and its sentence after the name of the place."""

    error: type[IntegrationError]
    says: str


_NO_ANSWER = Verdict(UnavailableError, "could not be reached or broke off the connection")
_NOT_REACHED = Verdict(UnreachableError, "could not be reached")
_TIMEOUT = Verdict(UnavailableError, "gave no answer in time")
_BROKEN = Verdict(UnavailableError, "sent a broken HTTP answer")
_BAD_URL = Verdict(ConfigurationError, "is not an http or https URL; check the integration's settings")
_UNTRUSTED = Verdict(ConfigurationError, "shows a TLS certificate that does not verify; check the host name")
_REDIRECTED = Verdict(ProviderContractError, "redirects where it may not; use the final base URL")
_UNEXPECTED = Verdict(ProviderContractError, "sent something other than what was asked for")
_PAUSE = Verdict(ThrottledError, "asks for a pause")
_REFUSED = Verdict(AccessDeniedError, "refuses access; check the account's permissions")
_NOT_THERE = Verdict(ProviderContractError, "does not exist; check the integration's settings and the path")
_FAILED = Verdict(UnavailableError, "failed on the provider's side")
_BAD_REQUEST = Verdict(
    ProviderContractError, "does not accept the request; check the provider's document and the settings"
)

VERDICTS: dict[int | type[BaseException], Verdict] = {
    # One digit stands for the whole class of status codes.
    1: _UNEXPECTED,
    3: _REDIRECTED,
    4: _BAD_REQUEST,
    5: _FAILED,
    401: Verdict(CredentialsRejectedError, "does not accept the credentials; connect the integration again"),
    402: _REFUSED,
    403: _REFUSED,
    404: _NOT_THERE,
    408: _TIMEOUT,
    410: _NOT_THERE,
    420: _PAUSE,  # Salesforce's and Twitter's 429
    425: _TIMEOUT,
    429: _PAUSE,
    451: _REFUSED,
    # Looked up along the error's method resolution order: the nearest ancestor decides.
    RefusedAddressError: Verdict(ConfigurationError, NOT_PUBLIC),
    aiohttp.ClientConnectionError: _NO_ANSWER,
    aiohttp.ClientConnectorError: _NOT_REACHED,
    aiohttp.ClientConnectorCertificateError: _UNTRUSTED,
    aiohttp.ConnectionTimeoutError: _NOT_REACHED,
    aiohttp.ServerFingerprintMismatch: _UNTRUSTED,
    aiohttp.ServerTimeoutError: _TIMEOUT,
    aiohttp.ClientPayloadError: _BROKEN,
    aiohttp.UploadAbortedError: _NO_ANSWER,
    aiohttp.ClientResponseError: _BROKEN,
    aiohttp.ContentTypeError: _UNEXPECTED,
    aiohttp.WSServerHandshakeError: _UNEXPECTED,
    aiohttp.TooManyRedirects: _REDIRECTED,
    aiohttp.RedirectClientError: _REDIRECTED,
    aiohttp.InvalidURL: _BAD_URL,
    aiohttp.InvalidUrlRedirectClientError: _REDIRECTED,
    aiohttp.NonHttpUrlClientError: _BAD_URL,
    aiohttp.NonHttpUrlRedirectClientError: _REDIRECTED,
    ssl.SSLCertVerificationError: _UNTRUSTED,
    TimeoutError: _TIMEOUT,
    OSError: _NO_ANSWER,
}


def verdict_of(error: BaseException) -> Verdict | None:
    """Return what an error of aiohttp, asyncio, ssl or the system means; None for any other."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, RefusedAddressError):
        error = error.os_error
    return next((VERDICTS[each] for each in type(error).__mro__ if each in VERDICTS), None)


def error_of_exception(error: BaseException, place: str) -> IntegrationError:
    """Translate an error without its text, which may hold a URL with secrets in its query.

    Args:
        error: One that `verdict_of` knows.
        place: Method, host and path.
    """
    verdict = verdict_of(error) or _NO_ANSWER
    return verdict.error(f"{place} {verdict.says} ({type(error).__name__}).").of_provider()


def error_of_status(
    status: int, place: str, *, retry_after_seconds: float | None, said: str = ""
) -> IntegrationError:
    """Translate a status that is not a success.

    Args:
        status: The code.
        place: Method, host and path.
        retry_after_seconds: The pause asked for.
        said: What the provider says about it, fit for a message.
    """
    verdict = VERDICTS.get(status) or VERDICTS.get(status // 100, _UNEXPECTED)
    details = f"{status}: {said!r}" if said else f"{status}"
    message = f"{place} {verdict.says} (status {details})."
    if issubclass(verdict.error, RetryableError):
        return verdict.error(message, retry_after_seconds=retry_after_seconds).of_provider()
    return verdict.error(message).of_provider()


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Read a Retry-After header, seconds or an HTTP date (RFC 9110, 10.2.3).

    Returns:
        Seconds from now, between 0 and a day; None where there is nothing readable.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_PAUSE_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return _until(moment, now)


def parse_pause(value: Any, *, now: datetime) -> float | None:
    """Read a pause as providers write it: what Retry-After may have, ISO 8601, or a time since 1970.

    Args:
        value: Text or number; large ones are seconds since 1970, very large ones milliseconds.
        now: When the answer came.

    Returns:
        Seconds from now, between 0 and a day; None where there is nothing readable.
    """
    text = str(value).strip() if type(value) in {str, int, float} else ""
    if _SECONDS.fullmatch(text) and float(text) >= _FIRST_EPOCH_SECONDS:
        moment = float(text) / (1000 if float(text) >= _FIRST_EPOCH_MILLISECONDS else 1)
        return min(max(moment - now.timestamp(), 0.0), LONGEST_PAUSE_SECONDS)
    pause = parse_retry_after(text, now=now)
    if pause is not None:
        return pause
    try:
        return _until(datetime.fromisoformat(text), now)
    except ValueError:
        return None


def _until(moment: datetime, now: datetime) -> float:
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((zoned - now).total_seconds(), 0.0), LONGEST_PAUSE_SECONDS)
