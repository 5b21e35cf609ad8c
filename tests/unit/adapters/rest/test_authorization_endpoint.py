"""Sending people to a provider, and exchanging what they bring back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from aiohttp import web

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import CredentialsRejectedError, UnavailableError
from shared.ports.token_source import AuthorizationEndpoint, AuthorizationRequest
from tests.fakes import provider_server as faults
from tests.fakes.clock import FakeClock
from tests.fakes.token_server import CLIENT_ID, TokenServer, token_server
from tests.unit.adapters.rest.oauth_documents import documents_of
from tests.unit.adapters.rest.test_token_endpoint import ITSELF, PERSON, VALUES

BACK = "https://app.example.com/api/oauth/callback"
RFC_BYTES = bytes.fromhex("7418dfb49799e0254ffa607dd8adbbba16d4254d69d6bff05b58055853848d79")
RFC_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
RFC_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture
async def tokens() -> AsyncIterator[TokenServer]:
    async with token_server() as running:
        yield running


def endpoint(
    registry: AdapterRegistry, auth: dict[str, Any], url: str = "https://id.example.com"
) -> AuthorizationEndpoint:
    found = registry.authorization_endpoint(*documents_of(url, auth))
    assert found is not None
    return found


def query_of(request: AuthorizationRequest) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(request.url).query, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


async def test_browser_is_sent_with_client_state_and_challenge(clock: FakeClock) -> None:
    """RFC 6749, 4.1.1, with verifier and challenge of RFC 7636, Appendix B; settings are filled in."""
    auth = {
        **PERSON,
        "authorizationUrl": "{serverUrl}/{shelf}/authorize",
        "scopes": ["read", "write"],
        "authorizationParameters": {"access_type": "offline", "login_hint": "{shelf}"},
    }
    registry = AdapterRegistry(clock, random_bytes=lambda count: RFC_BYTES[:count])
    request = endpoint(registry, auth).begin(CLIENT_ID, BACK, "state+/&=")
    await registry.close()
    address = urlsplit(request.url)
    assert (address.scheme, address.netloc, address.path) == ("https", "id.example.com", "/s1/authorize")
    assert query_of(request) == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": BACK,
        "scope": "read write",
        "state": "state+/&=",
        "access_type": "offline",
        "login_hint": "s1",
        "code_challenge": RFC_CHALLENGE,
        "code_challenge_method": "S256",
    }
    assert request.verifier == RFC_VERIFIER
    assert RFC_VERIFIER not in repr(request)


def test_every_flow_has_a_verifier_of_its_own(registry: AdapterRegistry) -> None:
    """A verifier proves one beginning."""
    asked = endpoint(registry, PERSON)
    assert len({asked.begin(CLIENT_ID, BACK, "state").verifier for _ in range(10)}) == 10


def test_server_without_pkce_and_with_commas(registry: AdapterRegistry) -> None:
    """As the document says; without scopes none are asked for."""
    commas = {**PERSON, "pkce": False, "scopes": ["a", "b"], "scopeSeparator": ","}
    request = endpoint(registry, commas).begin(CLIENT_ID, BACK, "state")
    assert (request.verifier, query_of(request)["scope"]) == (None, "a,b")
    assert "code_challenge" not in query_of(request)
    plain = endpoint(registry, PERSON)
    assert plain.scopes == ()
    assert "scope" not in query_of(plain.begin(CLIENT_ID, BACK, "state"))


@pytest.mark.parametrize("auth", [ITSELF, {"kind": "bearer"}])
def test_nobody_signs_in_where_the_app_does_itself(registry: AdapterRegistry, auth: dict[str, Any]) -> None:
    """Client credentials and keys have no such page."""
    assert registry.authorization_endpoint(*documents_of("https://id.example.com", auth)) is None


@pytest.mark.parametrize(
    ("told", "scopes"), [("read  write", ("read", "write")), ("", ()), (None, None), (["read"], None)]
)
async def test_code_is_exchanged_with_its_proof(
    tokens: TokenServer, registry: AdapterRegistry, told: Any, scopes: tuple[str, ...] | None
) -> None:
    """RFC 6749, 4.1.3, and RFC 7636, 4.5; scopes that the answer does not tell are those asked for."""
    answer = {"access_token": "a", "refresh_token": "r", "expires_in": 60, "scope": told}
    tokens.faults.append(faults.raw_json(orjson.dumps(answer)))
    asked = endpoint(registry, {**PERSON, "parameters": {"audience": "x"}}, tokens.url)
    grant = await asked.exchange(VALUES, "a code", BACK, "a verifier")
    assert (grant.access_token.value, grant.refresh_token, grant.lifetime_seconds) == ("a", "r", 60.0)
    assert grant.scopes == scopes
    assert tokens.forms == [
        {
            "grant_type": "authorization_code",
            "code": "a code",
            "redirect_uri": BACK,
            "code_verifier": "a verifier",
            "audience": "x",
        }
    ]


async def test_code_that_is_not_good_is_refused_without_a_word_of_it(
    tokens: TokenServer, registry: AdapterRegistry
) -> None:
    """Used before, too old, or of somebody else's: the server says `invalid_grant` for all."""

    async def refuse(_: web.Request) -> web.StreamResponse:
        told = {"error": "invalid_grant", "error_description": "code c0de was used"}
        return web.json_response(told, status=400)

    tokens.faults.append(refuse)
    with pytest.raises(CredentialsRejectedError) as caught:
        await endpoint(registry, PERSON, tokens.url).exchange(VALUES, "c0de", BACK, "v3rifier")
    assert "c0de" not in str(caught.value)
    assert "v3rifier" not in str(caught.value)


async def test_exchange_is_not_sent_twice(tokens: TokenServer, registry: AdapterRegistry) -> None:
    """The first may have used the code up: another would end the grant (RFC 6749, 4.1.2)."""
    tokens.faults.extend([faults.status(503), faults.status(503)])
    with pytest.raises(UnavailableError):
        await endpoint(registry, PERSON, tokens.url).exchange(VALUES, "a code", BACK, None)
    assert len(tokens.forms) == 1
    assert "code_verifier" not in tokens.forms[0]
