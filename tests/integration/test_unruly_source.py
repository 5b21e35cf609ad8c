"""Sources that misbehave, read by the whole app: API, queue, functions, HTTP. In the end nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared import bootstrap
from shared.domain.caller import Role
from shared.ports.documents import Query
from tests.fakes.unruly_source import PAGE, UnrulySource, document, serving
from tests.unit.functions.live_app import LiveApp, live_app
from tests.unit.functions.test_sync_through_queue import synced

SEEDS = range(4)
ROUNDS = 4
PEOPLE = 12 * PAGE  # more than a message handles
FIELDS = ("name", "number", "changed")
MAPPING = {
    "entity": "person",
    "shardTypeId": "person",
    "fields": [{"externalField": name, "shardField": name} for name in FIELDS],
}
HOUR = 3600


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveApp]:
    async with live_app(tmp_path, monkeypatch) as started:
        yield started


async def connected(app: LiveApp, source: UnrulySource, provider: dict[str, Any]) -> str:
    """Add the provider, and an integration with the source; return the latter's path."""
    root = app.client(Role.SUPER_ADMIN, tenant=None)
    assert (await root.call("POST", "providers", provider)).status == 201
    new = {
        "providerId": "unruly",
        "name": "People",
        "settings": {"serverUrl": source.url},
        "entityMappings": [MAPPING],
        "syncConfig": {"deletionHoldPercent": 100},
    }
    made = await app.admin.call("POST", "integrations", new)
    assert made.status == 201, made.body
    path = f"integrations/{made.body['id']}"
    assert (await app.admin.call("POST", f"{path}/activate")).status == 200
    return path


async def run(app: LiveApp, path: str, mode: str = "incremental") -> None:
    execution = await synced(app, path, {"mode": mode})
    assert execution["status"] == "succeeded", execution


async def stored() -> dict[str, Any]:
    """The data of every shard that lives, by its record's id."""
    documents = (await bootstrap.runtime()).documents
    page = await documents.query("shards", Query(("acme", "person"), limit=1000))
    assert page.continuation is None
    bodies = [each.body for each in page.items if "deletedAt" not in each.body]
    return {body["source"]["externalId"]: body["data"] for body in bodies}


def expected(source: UnrulySource) -> dict[str, Any]:
    return {key: {name: each[name] for name in FIELDS} for key, each in source.living.items()}


@pytest.mark.parametrize("seed", SEEDS)
async def test_clock_that_jumps_loses_nothing(app: LiveApp, seed: int) -> None:
    """Stamps hours ahead, and a clock that is put back before the next run, by hours too."""
    source = UnrulySource(seed, keeps_tombstones=True)
    async with serving(source):
        source.add(PEOPLE)
        path = await connected(app, source, document("cursor", deleted="gone"))
        await run(app, path)
        for _ in range(ROUNDS):
            # put right between a change and the run after it, no clock can be seen to have been wrong
            for jump in sorted((source.random.randint(-2 * HOUR, 2 * HOUR) for _ in range(2)), reverse=True):
                source.jump_seconds = jump
                source.live_on()
            await run(app, path)
            assert await stored() == expected(source)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("pagination", "by_change"), [("offset", False), ("offset", True), ("pages", True)], ids=str
)
async def test_pages_that_shift_while_they_are_read_lose_nothing(
    app: LiveApp, seed: int, pagination: str, by_change: bool
) -> None:
    """Records are changed, put in and deleted between two requests, of full runs and incremental ones."""
    source = UnrulySource(seed, by_change=by_change)
    async with serving(source):
        source.add(PEOPLE)
        path = await connected(app, source, document(pagination, deletions={"sweep": True}))
        for modes in (["incremental"] * ROUNDS, ["full", "full"]):  # each of these would hide losses of those
            for mode in modes:
                source.moves = 8
                await run(app, path, mode)
                source.change(5 * PAGE)
            await run(app, path)
            found = await stored()
            assert {key: found.get(key) for key in source.living} == expected(source)
        for _ in range(2):  # counted pages must miss a record twice before it counts as gone
            await run(app, path, "full")
        assert await stored() == expected(source)


@pytest.mark.parametrize("seed", SEEDS)
async def test_cursor_that_repeats_loses_nothing(app: LiveApp, seed: int) -> None:
    """The run fails with that reason, in the first load and later; once it is mended, the next has it all."""
    source = UnrulySource(seed, keeps_tombstones=True)
    async with serving(source):
        source.add(PEOPLE)
        path = await connected(app, source, document("cursor", deleted="gone"))
        for _ in range(ROUNDS):
            source.circle_after = source.random.randint(1, 3)
            failed = await synced(app, path)
            assert failed["status"] == "failed"
            assert (
                "reading on would never end. The provider repeats its position" in failed["error"]["message"]
            )
            source.live_on()
            source.circle_after = None
            await run(app, path)
            assert await stored() == expected(source)
            source.change(5 * PAGE)
