"""A process that dies at any write of a sweep: the end is the same as if it had not."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.domain.schedule import SyncConfig
from shared.domain.sweeps import Sweep
from shared.domain.sync import ExecutionStatus, SyncCounts, SyncExecution, SyncMessage, SyncMode, Trigger
from shared.ports.adapter import SourceRecord
from shared.ports.documents import Query
from shared.resilience.lease import release_abandoned
from shared.services.inbound_sync import StepLimits
from tests.fakes.clock import ManualClock
from tests.fakes.dying_store import DyingStore, ProcessDeath
from tests.unit.services.sync_world import TENANT, SyncWorld, record


class MortalWorld(SyncWorld):
    """A world whose process dies as its store does, and is started again."""

    store: DyingStore

    async def survive(self) -> int:
        """Handle messages until there are none, each again after a death; return how often it died."""
        deaths = 0
        pending: list[SyncMessage] = self.sender.steps()
        while pending:
            try:
                await self.sync.run(pending[0])
            except ProcessDeath:
                deaths += 1
                self.store.revive()
                await release_abandoned(self.store)
            else:
                pending.pop(0)
            pending += self.sender.steps()
        return deaths

    async def begin(self, source: list[SourceRecord], mode: SyncMode = SyncMode.FULL) -> SyncExecution:
        """Ask for a run over these records, at a later time than the one before."""
        self.clock.advance(1)
        self.adapter.records = source
        integration = await self.integrations.get(TENANT, "int1")
        return await self.requests.start(integration, mode, Trigger.MANUAL, "request-1")

    async def ended(self, execution: SyncExecution) -> SyncExecution:
        return await self.executions.get(TENANT, execution.id)

    async def live(self) -> dict[str, str]:
        shards = await self.shards()
        return {key: shard["data"]["name"] for key, shard in shards.items() if "deletedAt" not in shard}

    async def marks(self) -> list[str]:
        page = await self.store.query("checkpoints", Query((TENANT, "int1"), limit=1000))
        return [each.body["id"] for each in page.items if each.body["id"].startswith("seen~")]


@asynccontextmanager
async def mortal_world(folder: Path, sweep: Sweep = Sweep.ONCE) -> AsyncIterator[MortalWorld]:
    clock = ManualClock()
    inner = await SqliteDocumentStore.open(folder / "documents.db", clock)
    try:
        world = MortalWorld(DyingStore(inner), clock, StepLimits(4, 480, 600))
        world.adapters.swept = sweep
        await world.add_integration(sync_config=SyncConfig(deletion_hold_percent=100))
        yield world
    finally:
        await inner.close()


def records(*keys: int) -> list[SourceRecord]:
    return [record(f"r{key}") for key in keys]


async def test_a_sweep_that_dies_at_any_write_deletes_and_counts_once(tmp_path: Path) -> None:
    """Every write of a run is the last one in its turn; what is live and what is counted is always right."""
    at = 0
    while True:
        (folder := tmp_path / str(at)).mkdir()
        async with mortal_world(folder) as world:
            await world.begin(records(*range(9)))
            await world.survive()
            execution = await world.begin(records(1, 3, 4, 8))
            world.store.dies_before = at
            died = await world.survive()
            ended = await world.ended(execution)
            assert ended.counts == SyncCounts(read=4, unchanged=4, deleted=5)
            assert ended.status is ExecutionStatus.SUCCEEDED
            assert set(await world.live()) == {"r1", "r3", "r4", "r8"}
            assert await world.marks() == []
        if not died:
            break
        at += 1
    assert at > 12


async def test_a_confirmation_that_dies_at_any_write_deletes_and_counts_once(tmp_path: Path) -> None:
    """Confirmed once is done once, wherever the process was when it died."""
    at = 0
    while True:
        (folder := tmp_path / str(at)).mkdir()
        async with mortal_world(folder) as world:
            integration = await world.integrations.get(TENANT, "int1")
            await world.integrations.replace(integration.changed(sync_config=SyncConfig()))
            await world.begin(records(*range(15)))
            await world.survive()
            held = await world.begin(records(1, 2))
            await world.survive()
            assert (await world.ended(held)).held_deletions == {"thing": 13}
            confirming = await world.held_deletions.confirm(TENANT, held.id, "request-2")
            world.store.dies_before = at
            died = await world.survive()
            ended = await world.ended(confirming)
            assert (ended.status, ended.counts) == (ExecutionStatus.SUCCEEDED, SyncCounts(deleted=13))
            assert set(await world.live()) == {"r1", "r2"}
            assert await world.marks() == []
        if not died:
            break
        at += 1
    assert at > 5


SOURCES = st.lists(
    st.dictionaries(st.integers(0, 11), st.sampled_from(["one", "two"]), max_size=12), min_size=1, max_size=4
)
DEATHS = st.lists(st.integers(0, 25), min_size=4, max_size=4)


async def live_after(folder: Path, sources: list[dict[int, str]], deaths: list[int], sweep: Sweep) -> None:
    """Run once for each source, dying on the way, and compare."""
    async with mortal_world(folder, sweep) as world:
        former: dict[str, str] = {}
        for source, death in zip(sources, deaths, strict=False):
            now = {f"r{key}": name for key, name in source.items()}
            execution = await world.begin([record(key, name) for key, name in now.items()])
            world.store.dies_before = death
            await world.survive()
            world.store.revive()
            assert (await world.ended(execution)).status is ExecutionStatus.SUCCEEDED
            # What was there one reading ago is missed for the first time.
            expected = {**former, **now} if sweep is Sweep.TWICE else now
            assert await world.live() == expected
            former = now


@pytest.mark.parametrize("sweep", [Sweep.ONCE, Sweep.TWICE])
@given(sources=SOURCES, deaths=DEATHS)
@settings(max_examples=40, deadline=None)
def test_after_a_full_run_the_live_shards_are_the_source_s_records(
    sweep: Sweep, sources: list[dict[int, str]], deaths: list[int]
) -> None:
    """Whatever was there before, and wherever the process died."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live_after(Path(folder), sources, deaths, sweep))
