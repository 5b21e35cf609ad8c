"""Service accounts sign in by assertions (RFC 7523)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import ConfigurationError
from shared.domain.integration import Integration
from shared.domain.provider import Provider, SettingDeclaration
from tests.fakes.clock import START, FakeClock
from tests.fakes.token_server import TokenServer, token_server

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ACCOUNT = "robot@example.iam"


@pytest.fixture
async def server() -> AsyncIterator[TokenServer]:
    async with token_server() as started:
        yield started


async def asked(server: TokenServer, key: str = PEM, **auth: Any) -> Mapping[str, str]:
    """Ask once, and return the form that the server got."""

    async def granted(_request: Any) -> Any:
        return server._granted({})

    server.faults.append(granted)
    entities = {"thing": {"list": {"path": "/things"}, "records": "items", "id": "id"}}
    rest = {
        "baseUrl": server.url,
        "auth": {"kind": "oauth2JwtBearer", "tokenUrl": f"{server.url}/token", **auth},
        "entities": entities,
    }
    settings = {"actsFor": SettingDeclaration()}
    provider = Provider(
        id="p",
        category="c",
        display_name="P",
        rest=rest,
        settings=settings,
        created_at=START,
        updated_at=START,
    )
    integration = Integration(
        id="i",
        tenant_id="acme",
        name="I",
        provider_id="p",
        provider_category="c",
        settings={"actsFor": "ada@example.com"},
        created_at=START,
        updated_at=START,
    )
    registry = AdapterRegistry(FakeClock(), allow_private_addresses=True)
    try:
        endpoint = registry.token_endpoint(provider, integration)
        assert endpoint is not None
        assert not endpoint.consumes_refresh_token
        await endpoint.request({"clientEmail": ACCOUNT, "privateKey": key})
    finally:
        await registry.close()
    return server.forms[-1]


def claims_of(form: Mapping[str, str], audience: str) -> dict[str, Any]:
    """Verify an assertion but for the time, which is the fake clock's."""
    return jwt.decode(
        form["assertion"],
        KEY.public_key(),
        ["RS256"],
        {"verify_exp": False, "verify_iat": False},
        audience=audience,
    )


async def test_the_assertion_says_who_asks_whom_and_for_how_long(server: TokenServer) -> None:
    """Signed with the account's key, for the token endpoint, good for five minutes."""
    form = await asked(server)
    assert set(form) == {"grant_type", "assertion"}
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = claims_of(form, f"{server.url}/token")
    assert claims["iss"] == ACCOUNT
    assert (claims["iat"], claims["exp"] - claims["iat"]) == (int(START.timestamp()), 300)
    assert claims["jti"]


async def test_subject_audience_and_scopes_are_the_documents(server: TokenServer) -> None:
    """The subject may come from a setting."""
    form = await asked(server, subject="{actsFor}", audience="https://login.example.com", scopes=["a", "b"])
    claims = claims_of(form, "https://login.example.com")
    assert (claims["sub"], claims["scope"]) == ("ada@example.com", "a b")


async def test_a_key_whose_line_breaks_were_written_out_is_read(server: TokenServer) -> None:
    """As it stands in the JSON files that providers give out."""
    assert (await asked(server, PEM.replace("\n", "\\n")))["assertion"]


@pytest.mark.parametrize(
    "key", ["no key", PEM[:200], "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----"]
)
async def test_what_is_no_key_is_said_so_without_a_word_of_it(server: TokenServer, key: str) -> None:
    """A key must not come out in an error."""
    with pytest.raises(ConfigurationError, match="no RSA private key in PEM") as caught:
        await asked(server, key)
    assert PEM[60:90] not in str(caught.value)
    assert caught.value.__cause__ is None
