"""Giving refresh tokens back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import ConfigurationError, IntegrationError, UnavailableError
from tests.fakes import provider_server as faults
from tests.fakes.provider_server import Fault
from tests.fakes.token_server import TokenServer, token_server
from tests.unit.adapters.rest.test_token_endpoint import ITSELF, PERSON, VALUES, endpoint

REVOCABLE = {**PERSON, "revocationUrl": "{serverUrl}/revoke"}


@pytest.fixture
async def tokens() -> AsyncIterator[TokenServer]:
    async with token_server() as running:
        yield running


async def test_token_is_given_back(tokens: TokenServer, registry: AdapterRegistry) -> None:
    """RFC 7009, 2.1; the client signs in as for tokens."""
    assert await endpoint(registry, tokens.url, REVOCABLE).revoke(VALUES, "refresh-0")
    assert tokens.forms == [{"token": "refresh-0", "token_type_hint": "refresh_token"}]
    assert tokens.revoked == ["refresh-0"]
    assert tokens.requests[0].path == "/revoke"


@pytest.mark.parametrize("auth", [PERSON, ITSELF])
async def test_without_an_address_nothing_is_sent(
    tokens: TokenServer, registry: AdapterRegistry, auth: dict[str, str]
) -> None:
    """The answer says that the token may live on."""
    assert await endpoint(registry, tokens.url, auth).revoke(VALUES, "refresh-0") is False
    assert tokens.requests == []


async def test_body_of_a_success_does_not_matter(tokens: TokenServer, registry: AdapterRegistry) -> None:
    """RFC 7009, 2.2: the status tells."""
    tokens.faults.append(faults.html("<p>Done</p>"))
    assert await endpoint(registry, tokens.url, REVOCABLE).revoke(VALUES, "refresh-0")


@pytest.mark.parametrize(
    ("fault", "expected"), [(faults.status(503), UnavailableError), (faults.status(401), ConfigurationError)]
)
async def test_refusal_is_told(
    tokens: TokenServer, registry: AdapterRegistry, fault: Fault, expected: type[IntegrationError]
) -> None:
    """Without the token."""
    tokens.faults.append(fault)
    with pytest.raises(expected) as caught:
        await endpoint(registry, tokens.url, REVOCABLE).revoke(VALUES, "refresh-s3cret")
    assert "s3cret" not in str(caught.value)
