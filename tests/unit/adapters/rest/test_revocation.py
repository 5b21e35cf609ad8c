"""Giving refresh tokens back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import ConfigurationError, IntegrationError, UnavailableError
from shared.ports.token_source import TokenEndpoint
from tests.fakes import provider_server as faults
from tests.fakes.provider_server import Fault
from tests.fakes.token_server import CLIENT_ID, CLIENT_SECRET, TokenServer, token_server
from tests.unit.adapters.rest.oauth_documents import documents_of
from tests.unit.adapters.rest.test_token_endpoint import ITSELF, PERSON, VALUES, WITH_REFRESH

REVOCABLE = {**PERSON, "tokenUrl": "{serverUrl}/nowhere", "revocationUrl": "{serverUrl}/token"}


@pytest.fixture
async def tokens() -> AsyncIterator[TokenServer]:
    async with token_server() as running:
        yield running


def endpoint(registry: AdapterRegistry, url: str, auth: dict[str, Any]) -> TokenEndpoint:
    found = registry.token_endpoint(*documents_of(url, auth))
    assert found is not None
    return found


@pytest.mark.parametrize("fault", [faults.status(200), faults.html("<p>Done</p>")])
@pytest.mark.parametrize("client_auth", ["basic", "body"])
async def test_token_is_given_back(
    tokens: TokenServer, registry: AdapterRegistry, client_auth: str, fault: Fault
) -> None:
    """The client signs in as for tokens; of the answer the status alone counts (RFC 7009, 2.1, 2.2)."""
    tokens.faults.append(fault)
    asked = endpoint(registry, tokens.url, {**REVOCABLE, "clientAuth": client_auth})
    assert await asked.revoke(VALUES, "refresh-0") is True
    in_form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET} if client_auth == "body" else {}
    assert tokens.forms == [{"token": "refresh-0", "token_type_hint": "refresh_token", **in_form}]
    assert ("Authorization" in tokens.requests[0].headers) == (client_auth == "basic")


async def test_nothing_is_sent_but_the_token_to_give_back(
    tokens: TokenServer, registry: AdapterRegistry
) -> None:
    """Other stored values stay here, such as a refresh token that is still good."""
    tokens.faults.append(faults.status(200))
    values = {**WITH_REFRESH, "refreshToken": "another"}
    assert await endpoint(registry, tokens.url, REVOCABLE).revoke(values, "refresh-0")
    assert "another" not in str(tokens.forms)


@pytest.mark.parametrize("auth", [PERSON, ITSELF])
async def test_without_an_address_nothing_is_sent(
    tokens: TokenServer, registry: AdapterRegistry, auth: dict[str, Any]
) -> None:
    """The answer says that the token may live on."""
    assert await endpoint(registry, tokens.url, auth).revoke(VALUES, "refresh-0") is False
    assert tokens.requests == []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.status(503), UnavailableError),
        (faults.disconnect, UnavailableError),
        (faults.status(401), ConfigurationError),
        (faults.status(404), IntegrationError),
    ],
)
async def test_refusal_is_told_without_the_token(
    tokens: TokenServer, registry: AdapterRegistry, fault: Fault, expected: type[IntegrationError]
) -> None:
    """Whoever disconnects notes that the provider did not take it back."""
    tokens.faults.append(fault)
    with pytest.raises(expected) as caught:
        await endpoint(registry, tokens.url, REVOCABLE).revoke(VALUES, "s3cret-token")
    assert "s3cret-token" not in str(caught.value)
    assert len(tokens.requests) == 1
