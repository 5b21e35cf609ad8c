"""One table from foreign errors to the domain's."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.addresses import RefusedAddressError
from shared.adapters.http_errors import (
    VERDICTS,
    error_of_exception,
    error_of_status,
    parse_pause,
    parse_retry_after,
    verdict_of,
)
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

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = ConnectionKey(
    "api.example.com", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None
)


def subclasses(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


AIOHTTPS_OWN = {kind for kind in subclasses(aiohttp.ClientError) if kind.__module__.startswith("aiohttp.")}
"""Other modules, imported by other tests, have some too."""


@pytest.mark.parametrize("kind", sorted(AIOHTTPS_OWN, key=str))
def test_every_error_of_aiohttp_has_a_verdict(kind: type[BaseException]) -> None:
    """No aiohttp error falls back on the root of its tree, which is not in the table."""
    assert aiohttp.ClientError not in VERDICTS
    assert any(ancestor in VERDICTS for ancestor in kind.__mro__)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), UnavailableError),
        (aiohttp.ConnectionTimeoutError(), UnreachableError),
        (ConnectionResetError(), UnavailableError),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), UnavailableError),
        (ssl.SSLError(), UnavailableError),
        (ssl.SSLCertVerificationError(), ConfigurationError),
        (aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError()), ConfigurationError),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError()), UnreachableError),
        (aiohttp.ClientConnectorError(KEY, OSError(111, "refused")), UnreachableError),
        (aiohttp.ClientConnectorError(KEY, RefusedAddressError()), ConfigurationError),
        (aiohttp.ClientConnectorDNSError(KEY, OSError()), UnreachableError),
        (aiohttp.ServerDisconnectedError(), UnavailableError),
        (aiohttp.ClientPayloadError(), UnavailableError),
        (aiohttp.InvalidURL("x"), ConfigurationError),
        (aiohttp.InvalidUrlRedirectClientError("x"), ProviderContractError),
        (aiohttp.NonHttpUrlRedirectClientError("x"), ProviderContractError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_error_becomes_the_domains(error: BaseException, expected: type[IntegrationError]) -> None:
    """Each kind of failure tells the caller's next move."""
    assert type(error_of_exception(error, "GET api.example.com/x")) is expected


def test_programming_errors_have_no_verdict() -> None:
    """What no network raises is not ours to translate."""
    assert verdict_of(ValueError("no")) is None


def test_text_of_the_foreign_error_is_left_out() -> None:
    """The foreign text may hold a URL with its query; the message has the place and the kind of error."""
    error = error_of_exception(
        aiohttp.InvalidURL("https://api.example.com/?key=s3cret"), "GET api.example.com/"
    )
    assert str(error) == (
        "GET api.example.com/ is not an http or https URL; check the integration's settings (InvalidURL)."
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (101, ProviderContractError),
        (304, ProviderContractError),
        (400, ProviderContractError),
        (401, CredentialsRejectedError),
        (402, AccessDeniedError),
        (403, AccessDeniedError),
        (404, ProviderContractError),
        (408, UnavailableError),
        (409, ProviderContractError),
        (410, ProviderContractError),
        (420, ThrottledError),
        (422, ProviderContractError),
        (425, UnavailableError),
        (429, ThrottledError),
        (451, AccessDeniedError),
        (500, UnavailableError),
        (502, UnavailableError),
        (503, UnavailableError),
        (504, UnavailableError),
        (599, UnavailableError),
        (999, ProviderContractError),
    ],
)
def test_status_becomes_the_domains(status: int, expected: type[IntegrationError]) -> None:
    """Each status tells the caller's next move; those that can be tried again keep the pause asked for."""
    error = error_of_status(status, "GET api.example.com/x", retry_after_seconds=7.0)
    assert type(error) is expected
    assert f"(status {status})" in str(error)
    assert not isinstance(error, RetryableError) or error.retry_after_seconds == 7.0


def test_the_provider_is_to_blame() -> None:
    """Connection, time-out and status alike: alerts count broken connections by it."""
    errors = [
        error_of_exception(TimeoutError(), "GET example.com/"),
        *(error_of_status(code, "GET example.com/", retry_after_seconds=None) for code in (401, 403, 503)),
    ]
    assert {error.source for error in errors} == {"provider"}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 2.5 ", 2.5),
        ("99999999999", 86_400.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Tue, 01 Mar 2050 12:00:00 GMT", 86_400.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("Sun, 99 Mar 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: str | None, seconds: float | None) -> None:
    """Both forms of RFC 9110, at most a day ahead; anything else says nothing."""
    assert parse_retry_after(value, now=NOW) == seconds


@given(st.integers(0, 86_400))
def test_retry_after_date_is_the_seconds_until_then(seconds: int) -> None:
    """A date means the time from now to then."""
    value = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert parse_retry_after(value, now=NOW) == seconds


@given(st.text())
def test_no_retry_after_breaks_the_reader(value: str) -> None:
    """Whatever a provider writes there, the answer is a number in range or nothing."""
    seconds = parse_retry_after(value, now=NOW)
    assert seconds is None or 0.0 <= seconds <= 86_400.0


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none() | st.lists(st.integers()))
def test_no_pause_breaks_the_reader(value: object) -> None:
    """Whatever an answer has at the declared place, the pause is a number in range or nothing."""
    seconds = parse_pause(value, now=NOW)
    assert seconds is None or 0.0 <= seconds <= 86_400.0
