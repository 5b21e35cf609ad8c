"""The table that turns the SDK's errors into ours."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import azure.core.exceptions
import azure.cosmos.exceptions
import pytest
from aiohttp.client_exceptions import ClientConnectorError, ServerDisconnectedError
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.cosmos.exceptions import CosmosHttpResponseError
from azure.cosmos.http_constants import StatusCodes

from shared.backends.azure.cosmos_errors import MEANINGS, translate
from shared.domain.errors import (
    ConfigurationError,
    IntegrationError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)

SUCCESSES = {200, 201, 202, 204, 207, 304}
SDK_STATUSES = {value for value in vars(StatusCodes).values() if isinstance(value, int)}
SDK_ERRORS = {
    kind
    for module in (azure.core.exceptions, azure.cosmos.exceptions)
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, AzureError)
}


def answered(status: int, **headers: str) -> CosmosHttpResponseError:
    response: Any = SimpleNamespace(status_code=status, headers=headers, reason="")
    message = "what the service says about secret-id"
    return CosmosHttpResponseError(status, message, response)  # type: ignore[no-untyped-call]  # the SDK's


def test_every_status_that_the_sdk_knows_is_in_the_table() -> None:
    """No status of the service is left to a default."""
    known = {status for status in SDK_STATUSES if 400 <= status < 600}

    assert known <= MEANINGS.keys()
    assert known, "the SDK names its statuses elsewhere now"


@pytest.mark.parametrize("status", [*sorted(MEANINGS), 418, 507, 599])
def test_every_status_becomes_an_error_of_ours(status: int) -> None:
    """A status, listed or not, is typed by the next move, and the service's words are not repeated."""
    error = translate(answered(status))

    assert isinstance(error, IntegrationError)
    assert isinstance(error, UnavailableError) == (status in {408, 410, 424, 449} or status >= 500)
    assert "secret-id" not in str(error)


@pytest.mark.parametrize("kind", sorted(SDK_ERRORS, key=str))
def test_every_exception_of_the_sdk_becomes_an_error_of_ours(kind: type[AzureError]) -> None:
    """Whatever class the SDK raises, a caller sees one of the tree."""
    error = kind.__new__(kind)
    error.inner_exception = None
    error.status_code = None  # type: ignore[attr-defined]

    assert type(translate(error)).__module__ == "shared.domain.errors"


def test_a_pause_that_is_asked_for_is_passed_on() -> None:
    """A throttled request says after how many seconds to come back."""
    error = translate(answered(429, **{"x-ms-retry-after-ms": "1500"}))

    assert isinstance(error, ThrottledError)
    assert error.retry_after_seconds == 1.5
    for nothing in (answered(429), answered(429, **{"x-ms-retry-after-ms": "soon"})):
        assert isinstance(bare := translate(nothing), ThrottledError)
        assert bare.retry_after_seconds is None


def test_only_a_connection_that_never_was_is_unreachable() -> None:
    """A connection that broke may have carried the request, whatever the SDK calls the error."""
    refused = ClientConnectorError(SimpleNamespace(ssl=None, host="h", port=1), OSError("refused"))  # type: ignore[arg-type]  # only its text is read
    broken = ServerDisconnectedError()

    assert isinstance(translate(ServiceRequestError(refused, error=refused)), UnreachableError)
    for error in (
        ServiceRequestError(broken, error=broken),
        ServiceResponseError(broken, error=broken),
        TimeoutError(),
    ):
        translated = translate(error)
        assert isinstance(translated, UnavailableError)
        assert not isinstance(translated, UnreachableError)


def test_no_token_is_a_matter_of_configuration() -> None:
    """An identity without a token stops the work and tells somebody."""
    assert isinstance(translate(ClientAuthenticationError("no")), ConfigurationError)
