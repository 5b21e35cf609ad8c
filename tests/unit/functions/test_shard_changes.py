"""The stream of changes, as the host platform follows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.domain.caller import Role
from tests.fakes.provider_server import ProviderServer, provider_server, thing
from tests.unit.functions.live_app import LiveApp, live_app
from tests.unit.functions.test_sync_through_queue import connected, synced


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveApp]:
    async with live_app(tmp_path, monkeypatch) as started:
        yield started


@pytest.fixture
async def server() -> AsyncIterator[ProviderServer]:
    async with provider_server() as started:
        started.things = [thing(number) for number in range(1, 8)]
        yield started


async def followed(app: LiveApp, since: str | None = None) -> tuple[list[dict[str, Any]], str]:
    """Return every change from a place on, and where the stream was left."""
    platform = app.client(Role.SERVICE)
    items: list[dict[str, Any]] = []
    while True:
        place = "" if since is None else f"&since={since}"
        reply = await platform.call("GET", f"shards/changes?limit=3{place}")
        assert reply.status == 200, reply.body
        since = str(reply.body["following"])
        if not reply.body["items"]:
            return items, since
        items += reply.body["items"]


async def test_the_platform_hears_of_every_change_once(app: LiveApp, server: ProviderServer) -> None:
    """First everything, then only what was written since: changed and deleted ones, and none unchanged."""
    path = await connected(app, server, {"kind": "none"})
    await synced(app, path)
    first, place = await followed(app)
    assert len({item["id"] for item in first}) == len(first) == 7
    assert {(item["deleted"], item["data"] is None) for item in first} == {(False, False)}

    server.things += [thing(8), thing(2, gone=True)]
    await synced(app, path, {"mode": "full"})
    later, place = await followed(app, place)

    assert {(item["source"]["externalId"], item["deleted"], item["data"] is None) for item in later} == {
        ("t8", False, False),
        ("t2", True, True),
    }
    assert (await followed(app, place))[0] == []


async def test_another_tenant_hears_nothing(app: LiveApp, server: ProviderServer) -> None:
    """A stream is its tenant's own."""
    await synced(app, await connected(app, server, {"kind": "none"}))

    reply = await app.client(Role.SERVICE, tenant="globex").call("GET", "shards/changes")

    assert reply.body["items"] == []


@pytest.mark.parametrize("query", ["since=nonsense", "limit=0", "limit=201"])
async def test_a_place_that_nobody_gave_is_refused(app: LiveApp, query: str) -> None:
    """The answer says what to send."""
    reply = await app.client(Role.SERVICE).call("GET", f"shards/changes?{query}")

    assert reply.status == 422
    assert reply.body["errors"]
