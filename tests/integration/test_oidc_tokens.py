"""OAuth against a certified server, which ends a grant when a refresh token is used twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import ConfigurationError, CredentialsRejectedError
from shared.ports.adapter import FetchRequest
from shared.services.access_tokens import AccessTokens
from tests.integration.oidc_server import BODY_CLIENT_ID, CLIENT_ID, OidcServer
from tests.integration.oidc_world import ITSELF, PERSON, OidcWorld, account_provider, oidc_world

pytestmark = pytest.mark.node

WHO = FetchRequest("account", None, None, 10)
"""Reads the server's own API, which wants an access token."""


@pytest.fixture(scope="module")
def oidc(oidc_script: Path) -> Iterator[OidcServer]:
    server = OidcServer(oidc_script)
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def world(
    folder: Path, oidc: OidcServer, auth: dict[str, Any], **values: str
) -> AsyncIterator[OidcWorld]:
    async with oidc_world(folder, account_provider(auth)) as opened:
        await opened.connect({"authServerUrl": oidc.url}, **values)
        yield opened


async def accounts(opened: OidcWorld, process: AccessTokens) -> list[str]:
    adapter = await opened.adapter(process)
    return [record.external_id for record in (await adapter.fetch_page(WHO)).records]


@pytest.fixture
async def refresh_token(oidc: OidcServer) -> str:
    """What somebody who allowed the app in has given it."""
    return (await oidc.allow()).refresh_token


@pytest.mark.parametrize(("client_auth", "client_id"), [("basic", CLIENT_ID), ("body", BODY_CLIENT_ID)])
async def test_app_signs_in_as_itself(
    tmp_path: Path, oidc: OidcServer, client_auth: str, client_id: str
) -> None:
    """The server knows the token that comes of it, with its scope."""
    auth = {**ITSELF, "clientAuth": client_auth}
    async with world(tmp_path, oidc, auth, clientId=client_id) as opened:
        told = await oidc.post("/token/introspection", token=await opened.token(opened.process()))
    assert (told["active"], told["scope"]) == (True, "books:read")


async def test_wrong_secret_is_told_as_such(tmp_path: Path, oidc: OidcServer) -> None:
    """It is nobody's grant that is gone."""
    async with world(tmp_path, oidc, ITSELF, clientSecret="wrong") as opened:
        with pytest.raises(ConfigurationError, match="does not accept the client"):
            await opened.token(opened.process())


async def test_rejected_tokens_are_renewed_again_and_again(
    tmp_path: Path, oidc: OidcServer, refresh_token: str
) -> None:
    """Each renewal uses the refresh token that the one before has brought."""
    async with world(tmp_path, oidc, PERSON, refreshToken=refresh_token) as opened:
        process = opened.process()
        for _ in range(3):
            assert await accounts(opened, process) == ["ada"]
            await oidc.expire(await opened.token(process))
        assert await accounts(opened, process) == ["ada"]


async def test_processes_that_renew_at_once_do_not_end_the_grant(
    tmp_path: Path, oidc: OidcServer, refresh_token: str
) -> None:
    """Each waits for its turn, and afterwards the grant still lives."""
    async with world(tmp_path, oidc, PERSON, refreshToken=refresh_token) as opened:
        processes = [opened.process(f"p{number}") for number in range(4)]
        found = await asyncio.gather(*(accounts(opened, process) for process in processes))
        assert found == [["ada"]] * 4
        assert await accounts(opened, opened.process("later")) == ["ada"]


async def test_grant_that_is_gone_is_told(tmp_path: Path, oidc: OidcServer, refresh_token: str) -> None:
    """Somebody has to connect the integration again."""
    async with world(tmp_path, oidc, PERSON, refreshToken=refresh_token) as opened:
        await oidc.post("/token/revocation", token=refresh_token)
        with pytest.raises(CredentialsRejectedError, match="connect the integration again"):
            await accounts(opened, opened.process())
