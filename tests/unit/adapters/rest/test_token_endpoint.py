"""Asking an authorisation server for access tokens: what goes out, and what comes of the answers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import (
    AccessDeniedError,
    ConfigurationError,
    CredentialsRejectedError,
    IntegrationError,
    ProviderContractError,
    ThrottledError,
    UnavailableError,
)
from shared.domain.integration import Integration
from shared.domain.provider import Provider
from shared.ports.token_source import TokenEndpoint
from tests.fakes import provider_server as faults
from tests.fakes.clock import START
from tests.fakes.provider_server import DOCUMENT
from tests.fakes.token_server import CLIENT_ID, CLIENT_SECRET, TokenServer, token_server
from tests.unit.adapters.rest.reading import rest_of

VALUES = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
WITH_REFRESH = {**VALUES, "refreshToken": "refresh-0"}
ITSELF = {"kind": "oauth2ClientCredentials", "tokenUrl": "{serverUrl}/token"}
PERSON = {
    "kind": "oauth2AuthorizationCode",
    "tokenUrl": "{serverUrl}/token",
    "authorizationUrl": "{serverUrl}/authorize",
}


@pytest.fixture
async def tokens() -> AsyncIterator[TokenServer]:
    async with token_server() as running:
        yield running


def find_endpoint(registry: AdapterRegistry, url: str, auth: dict[str, Any]) -> TokenEndpoint | None:
    stamps = {"createdAt": START, "updatedAt": START}
    rest = {**rest_of({}), "baseUrl": "https://api.example.com", "auth": auth}
    integration = {
        **stamps,
        "id": "i1",
        "tenantId": "acme",
        "name": "Things",
        "providerId": "things",
        "providerCategory": "test",
        "settings": {"serverUrl": url, "shelf": "s1"},
    }
    return registry.token_endpoint(
        Provider.model_validate({**DOCUMENT, **stamps, "rest": rest}), Integration.model_validate(integration)
    )


def endpoint(registry: AdapterRegistry, url: str, auth: dict[str, Any]) -> TokenEndpoint:
    found = find_endpoint(registry, url, auth)
    assert found is not None
    return found


async def refusal(asked: TokenEndpoint, values: dict[str, str] = WITH_REFRESH) -> IntegrationError:
    with pytest.raises(IntegrationError) as caught:
        await asked.request(values)
    return caught.value


@pytest.mark.parametrize("client_auth", ["basic", "body"])
async def test_app_signs_in_as_itself(
    tokens: TokenServer, registry: AdapterRegistry, client_auth: str
) -> None:
    """Id and secret go where the document says, whatever their characters; so do scopes and parameters."""
    auth = {
        **ITSELF,
        "clientAuth": client_auth,
        "scopes": ["read", "write"],
        "parameters": {"audience": "https://{shelf}.example.com"},
    }
    grant = await endpoint(registry, tokens.url, auth).request(VALUES)
    assert grant.access_token.value == "access-1"
    assert grant.lifetime_seconds == 3600
    sent = {"grant_type": "client_credentials", "scope": "read write", "audience": "https://s1.example.com"}
    in_form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET} if client_auth == "body" else {}
    assert tokens.forms == [{**sent, **in_form}]
    assert ("Authorization" in tokens.requests[0].headers) == (client_auth == "basic")


async def test_refresh_token_is_used_and_the_next_one_told(
    tokens: TokenServer, registry: AdapterRegistry
) -> None:
    """The scope stays what the person agreed to: none is asked for."""
    grant = await endpoint(registry, tokens.url, {**PERSON, "scopes": ["a"]}).request(WITH_REFRESH)
    assert tokens.forms == [{"grant_type": "refresh_token", "refresh_token": "refresh-0"}]
    assert (grant.access_token.value, grant.refresh_token) == ("access-1", "refresh-1")
    assert "access-1" not in repr(grant)
    assert "refresh-1" not in repr(grant)


async def test_public_client_sends_its_id_alone(tokens: TokenServer, registry: AdapterRegistry) -> None:
    """An empty secret is none: the id goes into the form (RFC 6749, 3.2.1)."""
    tokens.faults.append(faults.raw_json(b'{"access_token":"a"}'))
    await endpoint(registry, tokens.url, PERSON).request({**WITH_REFRESH, "clientSecret": ""})
    assert tokens.forms[0]["client_id"] == CLIENT_ID
    assert "Authorization" not in tokens.requests[0].headers


async def test_scopes_are_joined_as_the_server_wants_them(
    tokens: TokenServer, registry: AdapterRegistry
) -> None:
    """Some servers separate with commas."""
    auth = {**ITSELF, "scopes": ["a", "b"], "scopeSeparator": ","}
    await endpoint(registry, tokens.url, auth).request(VALUES)
    assert tokens.forms[0]["scope"] == "a,b"


@pytest.mark.parametrize(
    ("told", "unit", "expected"),
    [
        (3600, "seconds", 3600.0),
        ("3600", "seconds", 3600.0),
        (3_600_000, "milliseconds", 3600.0),
        (None, "seconds", None),
        ("soon", "seconds", None),
        (True, "seconds", None),
        (0, "seconds", None),
        (-5, "seconds", None),
        ("inf", "seconds", None),
        ([3600], "seconds", None),
    ],
)
async def test_lifetime_is_read_as_servers_write_it(
    tokens: TokenServer, registry: AdapterRegistry, told: Any, unit: str, expected: float | None
) -> None:
    """A number, one in quotes, or nothing that can be used."""
    tokens.extra = {"expires_in": told}
    grant = await endpoint(registry, tokens.url, {**ITSELF, "expiresInUnit": unit}).request(VALUES)
    assert grant.lifetime_seconds == expected


async def test_tokens_may_lie_deeper_in_the_answer(tokens: TokenServer, registry: AdapterRegistry) -> None:
    """`tokenPath` names the object that has them all."""
    nested = {"access_token": "deep", "expires_in": 60, "refresh_token": "next"}
    tokens.faults.append(faults.raw_json(orjson.dumps({"ok": True, "user": nested})))
    grant = await endpoint(registry, tokens.url, {**PERSON, "tokenPath": "user"}).request(WITH_REFRESH)
    assert (grant.access_token.value, grant.lifetime_seconds, grant.refresh_token) == ("deep", 60.0, "next")


@pytest.mark.parametrize(
    ("status", "code", "expected", "says"),
    [
        (
            400,
            "invalid_grant",
            CredentialsRejectedError,
            "no longer knows the grant; connect the integration",
        ),
        (200, "token_revoked", CredentialsRejectedError, "no longer knows the grant"),
        (401, "invalid_client", ConfigurationError, "does not accept the client; correct clientId"),
        (400, "invalid_client", ConfigurationError, "does not accept the client"),
        (401, "s3cret", ConfigurationError, "does not accept the client"),
        (400, "invalid_scope", ConfigurationError, "does not accept the request; correct `auth`"),
        (400, "temporarily_unavailable", UnavailableError, "failed for the moment"),
        (200, "ratelimited", ThrottledError, "asks for a pause"),
        (429, "invalid_grant", ThrottledError, "asks for a pause"),
        (503, "invalid_grant", UnavailableError, "failed on the provider's side"),
        (400, "s3cret", ProviderContractError, "does not accept the request"),
        (200, "s3cret", ProviderContractError, "without a usable access token"),
    ],
)
async def test_refusal_tells_what_to_do_and_nothing_of_the_answer(
    tokens: TokenServer,
    registry: AdapterRegistry,
    status: int,
    code: str,
    expected: type[IntegrationError],
    says: str,
) -> None:
    """Only codes of the standards are repeated; descriptions may hold what was sent."""
    body = {"error": code, "error_description": "s3cret", "refresh_token": "s3cret"}

    async def refuse(request: Any) -> Any:
        answer = await faults.raw_json(orjson.dumps(body), Retry_After="7")(request)
        answer.set_status(status)
        return answer

    tokens.faults.append(refuse)
    error = await refusal(endpoint(registry, tokens.url, PERSON))
    assert type(error) is expected
    assert says in str(error)
    assert "s3cret" not in str(error)
    if isinstance(error, UnavailableError | ThrottledError):
        assert (error.retry_after_seconds, error.source) == (7, "provider")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.html("<p>s3cret</p>"), ProviderContractError),
        (faults.raw_json(b'{"access_token": 5, "x": "s3cret"}'), ProviderContractError),
        (faults.raw_json(b'{"access_token": "s3cret\\nX: 1"}'), ProviderContractError),
        (faults.raw_json(b'["s3cret"]'), ProviderContractError),
        (faults.redirect("http://127.0.0.2:1/token?s3cret"), ProviderContractError),
        (faults.status(403), AccessDeniedError),
        (faults.disconnect, UnavailableError),
        (faults.truncated, UnavailableError),
    ],
)
async def test_answer_that_is_no_grant_is_told_without_its_text(
    tokens: TokenServer,
    registry: AdapterRegistry,
    fault: faults.Fault,
    expected: type[IntegrationError],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And nothing is asked a second time: the first request may have been carried out."""
    caplog.set_level(logging.DEBUG)
    tokens.faults.append(fault)
    error = await refusal(endpoint(registry, tokens.url, PERSON))
    assert isinstance(error, expected)
    assert "s3cret" not in str(error) + caplog.text
    assert "refresh-0" not in str(error) + caplog.text
    assert len(tokens.requests) == 1


async def test_missing_credentials_are_named(registry: AdapterRegistry) -> None:
    """Nothing goes out with half of them; only the secret may be empty."""
    error = await refusal(endpoint(registry, "http://127.0.0.1:1", PERSON), {"clientSecret": ""})
    assert str(error) == (
        "The credentials don't fit the provider: credentials.clientId: is missing; connect the integration;"
        " credentials.refreshToken: is missing; connect the integration"
    )


async def test_wrong_secret_is_no_reason_to_connect_again(
    tokens: TokenServer, registry: AdapterRegistry
) -> None:
    """The client's credentials are wrong, not the person's grant."""
    error = await refusal(endpoint(registry, tokens.url, PERSON), {**WITH_REFRESH, "clientSecret": "wrong"})
    assert type(error) is ConfigurationError


def test_provider_without_oauth_has_no_endpoint(registry: AdapterRegistry) -> None:
    """Other kinds of `auth` know no tokens that come and go."""
    assert find_endpoint(registry, "http://127.0.0.1:1", {"kind": "bearer"}) is None
