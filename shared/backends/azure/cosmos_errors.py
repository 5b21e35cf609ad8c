"""What Cosmos DB's errors mean to a caller: one table by status, one by the SDK's exceptions.

Statuses: https://learn.microsoft.com/rest/api/cosmos-db/http-status-codes-for-cosmosdb. The messages of the
service and the SDK stay out of ours, because they quote documents.
"""

from __future__ import annotations

from aiohttp.client_exceptions import ClientConnectorError
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
)

from shared.domain.errors import (
    AlreadyExistsError,
    ConfigurationError,
    DocumentTooLargeError,
    IntegrationError,
    StaleWriteError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)

THROTTLED = 429
FAILED_DEPENDENCY = 424
TOO_LARGE = 413
NOT_FOUND = 404
CONFLICT = 409
STALE = 412

_RETRY_AFTER = "x-ms-retry-after-ms"
_SERVER_ERRORS = 500

MEANINGS: dict[int, tuple[type[IntegrationError], str]] = {
    400: (ConfigurationError, "does not take this request: database, containers and app don't fit together"),
    401: (ConfigurationError, "does not accept the key or identity: check it, and this machine's clock"),
    403: (ConfigurationError, "refuses access: check roles and firewall, and that no partition is full"),
    404: (ConfigurationError, "has no such database or container: provision it"),
    405: (ConfigurationError, "does not know this operation"),
    408: (UnavailableError, "did not finish in time"),
    409: (AlreadyExistsError, "has a document with this id"),
    410: (UnavailableError, "is moving a partition"),
    412: (StaleWriteError, "has another version of the document"),
    413: (DocumentTooLargeError, "takes no document of this size"),
    424: (UnavailableError, "did not apply a batch"),
    429: (ThrottledError, "asks for a pause"),
    449: (UnavailableError, "met another write of the same document"),
    500: (UnavailableError, "failed"),
    502: (UnavailableError, "failed behind its gateway"),
    503: (UnavailableError, "is unavailable"),
    504: (UnavailableError, "did not answer its gateway in time"),
}


def translate(error: AzureError | TimeoutError) -> IntegrationError:
    """Return what to raise instead of an error of the SDK's."""
    if isinstance(error, ClientAuthenticationError):
        return ConfigurationError("There is no token for Cosmos DB: check the identity and its rights.")
    if isinstance(error, HttpResponseError) and error.status_code:
        headers = getattr(error, "headers", None) or {}
        return of_status(error.status_code, _seconds(headers.get(_RETRY_AFTER)))
    # The SDK's request errors cover connections that broke after the request was sent, too.
    if isinstance(error, ServiceRequestError) and isinstance(error.inner_exception, ClientConnectorError):
        return UnreachableError("No connection to Cosmos DB came about.")
    return UnavailableError("Cosmos DB gave no answer in time, or a broken one.")


def of_status(status: int, retry_after_seconds: float | None = None) -> IntegrationError:
    """Return the error for an HTTP status, of a request or of one operation of a batch."""
    unlisted = 503 if status >= _SERVER_ERRORS else 400
    kind, meaning = MEANINGS.get(status) or MEANINGS[unlisted]
    message = f"Cosmos DB {meaning} (status {status})."
    if issubclass(kind, ThrottledError):
        return kind(message, retry_after_seconds=retry_after_seconds)
    return kind(message)


def _seconds(milliseconds: str | None) -> float | None:
    try:
        return None if milliseconds is None else float(milliseconds) / 1000
    except ValueError:
        return None
