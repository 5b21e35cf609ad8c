"""One table from azure-core's errors to the domain's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import aiohttp
import azure.identity.aio
import azure.keyvault.secrets.aio
import azure.storage.blob.aio
import pytest
from azure.core import exceptions as core
from azure.storage.blob import StorageErrorCode

from shared.backends.azure.core_errors import CODES, EXCEPTIONS, STATUSES, translate
from shared.domain.errors import (
    AlreadyExistsError,
    ConfigurationError,
    ForbiddenError,
    IntegrationError,
    InvalidStateError,
    NotFoundError,
    StaleWriteError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)

SDKS = (azure.identity.aio, azure.keyvault.secrets.aio, azure.storage.blob.aio)
"""Imported, so that their errors are known below."""

OUR_MISTAKES = {
    core.AzureError,
    core.StreamConsumedError,
    core.StreamClosedError,
    core.ResponseNotReadError,
    core.SerializationError,
}
"""Only wrong use of the SDK raises these: they stay visible."""

KEY_VAULTS_CODES = {
    "SecretNotFound",
    "SecretDisabled",
    "ObjectIsDeletedButRecoverable",
    "ObjectIsBeingDeleted",
    "ObjectIsBeingRecovered",
    "ObjectIsBeingCreated",
    "Throttled",
}
FORBIDDEN = '{"error": {"code": "Forbidden", "innererror": {"code": "%s"}}}'
NEWER_THAN_THE_SDK = {"BlobImmutableDueToPolicy"}


class Answer:
    """As much of an answer as an error reads."""

    reason = "what the server says: hunter2"

    def __init__(self, status: int, body: str = "", headers: dict[str, str] | None = None) -> None:
        self.status_code = status
        self.headers = headers or {}
        self._body = body

    def text(self, encoding: str | None = None) -> str:
        return self._body


def failed(status: int, body: str = "", **headers: str) -> core.HttpResponseError:
    answer: Any = Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})
    return core.HttpResponseError("hunter2", response=answer)


def subclasses(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def foreign_errors() -> set[type[BaseException]]:
    """All of azure-core's tree that the three SDKs define."""
    found = {
        *subclasses(core.AzureError),
        core.AzureError,
        core.SerializationError,
        core.DeserializationError,
    }
    others = (
        "azure.cosmos",
        "azure.servicebus",
    )  # other tests import them, and they have tables of their own
    return {
        kind
        for kind in found
        if kind.__module__.startswith("azure.") and not kind.__module__.startswith(others)
    }


def test_every_error_of_the_sdks_is_placed() -> None:
    """Each error has a verdict, its own or an ancestor's, or is one that only our mistakes raise."""
    without = {kind for kind in foreign_errors() if not any(each in EXCEPTIONS for each in kind.__mro__)}

    assert len(foreign_errors()) > 20
    assert without <= OUR_MISTAKES


@pytest.mark.parametrize(
    "status", [100, 304, 400, 401, 403, 404, 408, 409, 412, 413, 416, 429, 500, 503, 507]
)
def test_every_failure_status_has_a_meaning(status: int) -> None:
    """Statuses without a line of their own have that of their class."""
    assert {1, 3, 4, 5} <= STATUSES.keys()
    assert isinstance(translate(failed(status), "the secret key"), IntegrationError)


def test_every_code_is_a_real_one() -> None:
    """No code in the table is misspelt: the SDK knows each, or it is of those that it doesn't have."""
    known = {code.value for code in StorageErrorCode} | KEY_VAULTS_CODES | NEWER_THAN_THE_SDK

    assert CODES.keys() <= known
    assert CODES.keys() >= KEY_VAULTS_CODES


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (failed(403, FORBIDDEN % "SecretDisabled"), ForbiddenError),
        (failed(403, FORBIDDEN % "ForbiddenByRbac"), ConfigurationError),
        (failed(409, x_ms_error_code="BlobAlreadyExists"), AlreadyExistsError),
        (failed(409, x_ms_error_code="BlobArchived"), InvalidStateError),
        (failed(412, x_ms_error_code="ConditionNotMet"), StaleWriteError),
        (failed(404, x_ms_error_code="BlobNotFound"), NotFoundError),
        (failed(404, x_ms_error_code="ContainerNotFound"), ConfigurationError),
        (failed(503, x_ms_error_code="ServerBusy"), ThrottledError),
        (failed(429), ThrottledError),
        (failed(401), ConfigurationError),
        (failed(500, "<html>"), UnavailableError),
        (core.ServiceRequestError("x"), UnavailableError),
        (core.ServiceRequestTimeoutError("x"), UnreachableError),
        (core.ServiceResponseError("x", error=aiohttp.ClientPayloadError()), UnavailableError),
        (core.IncompleteReadError("x"), UnavailableError),
        (TimeoutError(), UnavailableError),
        (ConnectionResetError(), UnavailableError),
        (core.ClientAuthenticationError("x"), ConfigurationError),
    ],
)
def test_error_becomes_the_domains(error: Exception, expected: type[IntegrationError]) -> None:
    """Each kind of failure tells the caller's next move."""
    assert type(translate(error, "the secret key")) is expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"x_ms_retry_after_ms": "1500"}, 1.5),
        ({"retry_after_ms": "20", "Retry_After": "7"}, 0.02),
        ({"Retry_After": "soon"}, None),
        ({}, None),
    ],
)
def test_the_pause_asked_for_is_read(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds and milliseconds count; what is no number does not."""
    error = translate(failed(429, **headers), "the secret key")

    assert isinstance(error, ThrottledError)
    assert error.retry_after_seconds == seconds


def test_text_of_the_foreign_error_is_left_out() -> None:
    """The message has the place, the status and the service's code, when that is a plain word."""
    body = '{"error": {"code": "Bad hunter2!", "message": "hunter2"}}'

    assert str(translate(failed(400, body, x_ms_error_code="InvalidInput"), "the secret key")) == (
        "the secret key does not accept the request; check the address and the settings (400 InvalidInput)."
    )


@pytest.mark.parametrize("error", [ValueError("x"), core.SerializationError("x")])
def test_our_own_mistakes_stay_visible(error: Exception) -> None:
    """What only wrong use raises is not translated."""
    assert translate(error, "the secret key") is None
