"""The tests' own resource server and browser do what those of others do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from aiohttp import web

from shared.domain.errors import CredentialsRejectedError
from shared.ports.adapter import FetchRequest
from tests.doubles.faults import Faults
from tests.doubles.server import DoubleServer
from tests.integration.browser import browser_page
from tests.integration.free_port import free_port
from tests.integration.kinto_gate import KintoGate, kinto_gate
from tests.integration.kinto_server import KintoServer, kinto_collection
from tests.integration.oidc_server import CLIENT_ID, OidcServer
from tests.integration.oidc_world import PERSON, gated_kinto, oidc_world

pytestmark = pytest.mark.node
BACK_PORT = free_port()
BACK = f"http://127.0.0.1:{BACK_PORT}/callback"


@pytest.fixture(scope="module")
def oidc(oidc_script: Path) -> Iterator[OidcServer]:
    server = OidcServer(oidc_script, redirect_uri=BACK)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def gate(kinto: KintoServer, oidc: OidcServer) -> AsyncIterator[KintoGate]:
    async with kinto_gate(kinto.url, oidc) as opened:
        yield opened


@asynccontextmanager
async def callback() -> AsyncIterator[None]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="back")

    app = web.Application()
    app.router.add_get("/callback", answer)
    server = DoubleServer(app, Faults(), port=BACK_PORT)
    await server.start()
    try:
        yield
    finally:
        await server.stop()


async def test_gate_refuses_who_brings_no_living_token(gate: KintoGate) -> None:
    """As RFC 6750 wants it: 401, and `invalid_token` in WWW-Authenticate."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer made-up"}) as session,
        session.get(f"{gate.url}/v1/") as answer,
    ):
        assert answer.status == 401
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_gate_lets_a_living_token_through_page_by_page(
    tmp_path: Path, gate: KintoGate, oidc: OidcServer, kinto: KintoServer
) -> None:
    """Links to next pages lead through the gate again; once the grant has ended nothing gets through."""
    async with kinto_collection(kinto.url, "gate", "rows") as rows:
        await rows.put([{"id": f"r{number}"} for number in range(5)])
    allowed = await oidc.allow()
    settings = {
        "serverUrl": gate.url,
        "bucket": "gate",
        "collection": "rows",
        "authServerUrl": oidc.url,
    }
    async with oidc_world(tmp_path, gated_kinto(PERSON)) as world:
        await world.connect(settings, refreshToken=allowed.refresh_token)
        adapter = await world.adapter(world.process())
        first = await adapter.fetch_page(FetchRequest("record", None, None, 3))
        second = await adapter.fetch_page(FetchRequest("record", None, first.next_position, 3))
        assert len(first.records) + len(second.records) == 5
        assert dict(gate.answers) == {200: 2}
        await oidc.revoke(allowed.grant_id)
        with pytest.raises(CredentialsRejectedError):
            await adapter.fetch_page(FetchRequest("record", None, None, 3))
    assert [event.kind for event in await oidc.events() if event.name == "grant.error"] == ["invalid_grant"]


async def test_browser_signs_in_and_is_sent_back(tmp_path: Path, oidc: OidcServer) -> None:
    """It fills in the server's pages as a person does, and comes back with a code and the state."""
    asked = {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "scope": "openid offline_access",
        "prompt": "consent",
        "redirect_uri": BACK,
        "state": "abc",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    async with callback(), browser_page(tmp_path) as page:
        await page.open(f"{oidc.url}/auth?{urlencode(asked)}")
        await page.fill("input[name=login]", "ada")
        await page.fill("input[name=password]", "anything")
        await page.click("button[type=submit]")
        await page.wait_for("document.querySelector('input[name=prompt][value=consent]') !== null")
        await page.click("button[type=submit]")
        await page.wait_for_address(BACK)
        assert await page.text() == "back"
        query = parse_qs(urlsplit(await page.run("location.href")).query)
    assert (query["state"], len(query["code"])) == (["abc"], 1)
