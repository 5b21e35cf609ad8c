"""Connecting as a person does: by a real browser, at a certified OpenID server, to read real records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.browser import browser_page
from tests.integration.connect_world import ACCESS_TOKEN_SECONDS, ConnectWorld, connect_world
from tests.integration.kinto_server import KintoServer
from tests.integration.refresh_readers import ROWS

pytestmark = pytest.mark.node
ALLOW, REFUSE = "button[type=submit]", "a[href$=abort]"


@pytest.fixture
async def world(tmp_path: Path, oidc_script: Path, kinto: KintoServer) -> AsyncIterator[ConnectWorld]:
    async with connect_world(tmp_path, oidc_script, kinto) as opened:
        yield opened


async def test_a_person_connects_and_records_come(world: ConnectWorld, tmp_path: Path) -> None:
    """Who allowed it is written down; syncs work, also with an expired token; disconnecting ends it."""
    async with browser_page(tmp_path) as page:
        await world.sign_in(page, await world.begin(page))
        assert (await world.answer(page, ALLOW)).startswith("Connected")
    (connection,) = await world.connections()
    assert connection["status"] == "active"
    assert connection["consent"]["userId"] == "ada"
    assert connection["consent"]["purpose"] == "Read our rows"
    await world.app.call("POST", f"{world.path}/activate")
    assert await world.sync() == "succeeded"
    assert len(await world.app.shards(world.integration_id)) == ROWS
    await asyncio.sleep(ACCESS_TOKEN_SECONDS)  # the server's time is real
    assert await world.sync() == "succeeded"
    assert await world.events("authorization_code") == 1
    assert await world.events("refresh_token") >= 1
    assert "grant.revoked" not in await world.names()
    await world.app.call("DELETE", f"{world.path}/connections/{connection['id']}")
    assert "grant.revoked" in await world.names()


async def test_a_person_who_refuses_is_told_so(world: ConnectWorld, tmp_path: Path) -> None:
    """Nothing is connected, and the page says what happened; the next try works."""
    async with browser_page(tmp_path) as page:
        await world.sign_in(page, await world.begin(page))
        assert (await world.answer(page, REFUSE)).startswith("Not connected")
        assert await world.connections() == []
        await page.open(await world.begin(page))  # still signed in at the provider
        assert (await world.answer(page, ALLOW)).startswith("Connected")
    assert len(await world.connections()) == 1


async def test_another_browser_cannot_finish(world: ConnectWorld, tmp_path: Path) -> None:
    """Somebody who is sent the address connects no account of theirs; the browser that began still may."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "theirs").mkdir()
    async with browser_page(tmp_path / "mine") as mine:
        address = await world.begin(mine)
        async with browser_page(tmp_path / "theirs") as theirs:
            await world.sign_in(theirs, address)
            assert (await world.answer(theirs, ALLOW)).startswith("Not connected")
        assert await world.connections() == []
        await world.sign_in(mine, address)
        await world.answer(mine, ALLOW)
    assert len(await world.connections()) == 1
