"""What a failed call of an Azure service means: one table from azure-core's errors to the domain's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import aiohttp
from azure.core import exceptions as core

from shared.domain.errors import (
    AlreadyExistsError,
    ConfigurationError,
    ForbiddenError,
    IntegrationError,
    InvalidRequestError,
    InvalidStateError,
    NotFoundError,
    RetryableError,
    StaleWriteError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The error to raise, and its sentence after the name of the place."""

    error: type[IntegrationError]
    says: str


_NO_ANSWER = Verdict(UnavailableError, "could not be reached or broke off the connection")
_NOT_REACHED = Verdict(UnreachableError, "could not be reached")
_TIMEOUT = Verdict(UnavailableError, "gave no answer in time")
_BROKEN = Verdict(UnavailableError, "sent a broken answer")
_FAILED = Verdict(UnavailableError, "failed on Azure's side")
_CHANGING = Verdict(UnavailableError, "is busy with an earlier change of the same object")
_PAUSE = Verdict(ThrottledError, "asks for a pause")
_UNTRUSTED = Verdict(ConfigurationError, "shows a TLS certificate that does not verify; check the address")
_REDIRECTED = Verdict(ConfigurationError, "redirects; use the service's own address")
_BAD_REQUEST = Verdict(ConfigurationError, "does not accept the request; check the address and the settings")
_REFUSED = Verdict(ConfigurationError, "refuses this app's identity; check its role assignments")
_NO_CONTAINER = Verdict(ConfigurationError, "has no such container; deploy it, or check the settings")
_NOT_THERE = Verdict(NotFoundError, "is not there")
_TAKEN = Verdict(AlreadyExistsError, "is already there")
_CHANGED = Verdict(StaleWriteError, "changed in the meantime")
_TOO_MUCH = Verdict(InvalidRequestError, "is more than the service takes")
_UNFIT = Verdict(InvalidStateError, "is not in a state for this")

CODES: Mapping[str, Verdict] = {
    # Key Vault's inner codes ("Common error codes for Azure Key Vault", and its REST reference).
    "SecretNotFound": _NOT_THERE,
    "SecretDisabled": Verdict(ForbiddenError, "is disabled"),
    "ObjectIsDeletedButRecoverable": Verdict(
        InvalidStateError, "is deleted: recover it before you set it again"
    ),
    "ObjectIsBeingDeleted": _CHANGING,
    "ObjectIsBeingRecovered": _CHANGING,
    "ObjectIsBeingCreated": _CHANGING,
    "Throttled": _PAUSE,
    # Blob Storage's ("Blob Storage error codes", "Common REST API error codes").
    "BlobNotFound": _NOT_THERE,
    "BlobAlreadyExists": _TAKEN,
    "BlobImmutableDueToPolicy": _TAKEN,
    "UnauthorizedBlobOverwrite": _TAKEN,
    "ConditionNotMet": _CHANGED,
    "InvalidBlockList": _CHANGED,  # somebody else's commit has discarded the blocks
    "ContainerAlreadyExists": _TAKEN,
    "ContainerNotFound": _NO_CONTAINER,
    "ContainerDisabled": _NO_CONTAINER,
    "ContainerBeingDeleted": _NO_CONTAINER,
    "MetadataTooLarge": _TOO_MUCH,
    "RequestBodyTooLarge": _TOO_MUCH,
    "BlobArchived": Verdict(InvalidStateError, "is in the Archive tier: rehydrate it first"),
    "BlobBeingRehydrated": Verdict(UnavailableError, "is on its way out of the Archive tier"),
    "ServerBusy": _PAUSE,
    "OperationTimedOut": _TIMEOUT,
}
"""What a service's own code says more exactly than the status does."""

STATUSES: Mapping[int, Verdict] = {
    # One digit stands for the whole class of status codes.
    1: _BROKEN,
    3: _REDIRECTED,
    4: _BAD_REQUEST,
    5: _FAILED,
    401: _REFUSED,
    403: _REFUSED,
    404: _NOT_THERE,
    408: _TIMEOUT,
    409: _UNFIT,
    412: _CHANGED,
    413: _TOO_MUCH,
    429: _PAUSE,
}

EXCEPTIONS: Mapping[type[BaseException], Verdict] = {
    # For errors without a status, looked up along the method resolution order, their cause first.
    core.ServiceRequestError: _NO_ANSWER,  # azure-core says so of connections broken after the request, too
    core.ServiceRequestTimeoutError: _NOT_REACHED,
    core.ServiceResponseError: _NO_ANSWER,
    core.ServiceResponseTimeoutError: _TIMEOUT,
    core.HttpResponseError: _BROKEN,
    core.ClientAuthenticationError: _REFUSED,
    core.TooManyRedirectsError: _REDIRECTED,
    core.DeserializationError: _BROKEN,
    aiohttp.ClientError: _NO_ANSWER,
    aiohttp.ClientConnectorError: _NOT_REACHED,
    aiohttp.ClientConnectorCertificateError: _UNTRUSTED,
    aiohttp.ConnectionTimeoutError: _NOT_REACHED,
    TimeoutError: _TIMEOUT,
    OSError: _NO_ANSWER,
}

# A code in a message must be a word: nothing that the other side could smuggle in.
_CODE = re.compile(r"[A-Za-z]{1,80}")

_PAUSE_HEADERS = (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("Retry-After", 1.0))
_NUMBER = re.compile(r"\d{1,9}(\.\d+)?")


def translate(error: Exception, place: str) -> IntegrationError | None:
    """Return what to raise instead of an error of azure-core's, or None for one that is nobody's but ours.

    The text of the foreign error is left out: it may repeat what was sent.

    Args:
        error: What the SDK raised.
        place: What was called, fit for a message: "the secret acme-key".
    """
    status = _status(error)
    codes = list(_codes(error))
    verdict = next((CODES[code] for code in codes if code in CODES), None)
    if verdict is None and status is not None:
        verdict = STATUSES.get(status) or STATUSES.get(status // 100)
    if verdict is None:
        verdict = _by_kind(error)
    if verdict is None:
        return None
    details = " ".join([str(status), *codes]) if status else type(error).__name__
    return _made(verdict, f"{place} {verdict.says} ({details}).", _pause_seconds(error))


def _made(verdict: Verdict, message: str, pause_seconds: float | None) -> IntegrationError:
    if issubclass(verdict.error, RetryableError):
        return verdict.error(message, retry_after_seconds=pause_seconds)
    return verdict.error(message)


def _by_kind(error: Exception) -> Verdict | None:
    cause = getattr(error, "inner_exception", None)
    kinds = (*type(cause).__mro__, *type(error).__mro__)
    return next((EXCEPTIONS[kind] for kind in kinds if kind in EXCEPTIONS), None)


def _status(error: Exception) -> int | None:
    """Return the answer's status if that is what failed."""
    status = error.status_code if isinstance(error, core.HttpResponseError) else None
    return status if status is not None and status // 100 != 2 else None  # noqa: PLR2004 - the status class


def _codes(error: Exception) -> Iterator[str]:
    """Yield the service's own codes, the innermost first."""
    if not isinstance(error, core.HttpResponseError):
        return
    named = error.error
    inner = named.innererror if named and isinstance(named.innererror, Mapping) else {}
    header = _headers(error).get("x-ms-error-code")
    for code in (inner.get("code"), header, named.code if named else None):
        if isinstance(code, str) and _CODE.fullmatch(code):
            yield code


def _pause_seconds(error: Exception) -> float | None:
    """Read the pause asked for, in seconds; Azure's services write numbers, never dates."""
    headers = _headers(error)
    for name, factor in _PAUSE_HEADERS:
        value = headers.get(name, "")
        if _NUMBER.fullmatch(value):
            return float(value) * factor
    return None


def _headers(error: Exception) -> Mapping[str, str]:
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", {})
    return headers
