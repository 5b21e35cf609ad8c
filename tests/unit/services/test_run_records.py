"""The record of a run: cancelling it at any moment of its life, and what it says of quality."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from functions._messages import run_step
from shared.domain.errors import InvalidStateError, NotFoundError, StaleWriteError
from shared.domain.quality import DataQualityMetrics
from shared.domain.sync import ExecutionStatus, SyncCounts, SyncMessage, SyncMode, Trigger
from shared.ports.adapter import FetchRequest, SourcePage
from tests.fakes.adapter import FakeAdapter
from tests.fakes.dying_store import ProcessDeath
from tests.unit.services.sync_world import TENANT, SyncWorld, record, sync_world


class CancellingAdapter(FakeAdapter):
    """While its first page is read, somebody cancels the run."""

    world: SyncWorld

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        if not self.requests:
            await self.world.records.cancel(TENANT, "run1")
        return await super().fetch_page(request)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SyncWorld]:
    adapter = CancellingAdapter([record("a"), record("b", None), record("c")], page_size=3)
    async with sync_world(tmp_path, adapter=adapter) as made:
        adapter.world = made
        await made.add_integration()
        yield made


async def start(world: SyncWorld) -> SyncMessage:
    integration = await world.integrations.get(TENANT, "int1")
    await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
    (step,) = world.sender.steps()
    return step


async def last_sync(world: SyncWorld) -> tuple[str, str] | None:
    last = (await world.integrations.get(TENANT, "int1")).last_sync
    return (last.execution_id, last.status) if last else None


async def test_a_queued_run_that_is_cancelled_never_begins(world: SyncWorld) -> None:
    """It ends at once, its message does nothing, and another run may start."""
    step = await start(world)
    cancelled = await world.records.cancel(TENANT, "run1")
    assert (cancelled.status, cancelled.finished_at) == (ExecutionStatus.CANCELLED, world.clock.now())
    assert await last_sync(world) == ("run1", "cancelled")
    await run_step(world.sync, step, world.clock)
    assert world.adapter.requests == []
    assert await world.status() is ExecutionStatus.CANCELLED
    await start(world)


async def test_a_crash_in_the_middle_of_cancelling_does_not_leave_the_integration_behind(
    world: SyncWorld,
) -> None:
    """The run is cancelled, and whoever handles its message tells the integration."""
    step = await start(world)
    world.store.dies_at = "integrations"
    with pytest.raises(ProcessDeath):
        await world.records.cancel(TENANT, "run1")
    assert (await world.status(), await last_sync(world)) == (ExecutionStatus.CANCELLED, None)
    await run_step(world.sync, step, world.clock)
    assert await last_sync(world) == ("run1", "cancelled")


async def test_a_late_message_of_an_old_run_does_not_hide_the_newer_one(world: SyncWorld) -> None:
    """Only the integration's present run is told of again."""
    old = await start(world)
    await world.records.cancel(TENANT, "run1")
    world.adapter.requests.append(FetchRequest("thing", None, None, 1))  # nobody cancels from here on
    await world.run(SyncMode.FULL)
    await run_step(world.sync, old, world.clock)
    assert await last_sync(world) == ("run2", "partial")


async def test_a_step_under_way_never_turns_a_cancelled_run_back(world: SyncWorld) -> None:
    """It is sent again once, finds the run ended, and no message is left."""
    step = await start(world)
    await run_step(world.sync, step, world.clock)
    assert await world.status() is ExecutionStatus.CANCELLED
    (again,) = world.sender.steps()
    await run_step(world.sync, again, world.clock)
    assert world.sender.steps() == []
    assert len(world.adapter.requests) == 1
    assert await world.status() is ExecutionStatus.CANCELLED
    assert await last_sync(world) == ("run1", "cancelled")


async def test_a_failure_never_turns_a_cancelled_run_back(world: SyncWorld) -> None:
    """The last attempt of a step may fail long after its run was cancelled."""
    step = await start(world)
    await world.records.cancel(TENANT, "run1")
    await world.sync.give_up(step, NotFoundError("gone"))
    execution = await world.executions.get(TENANT, "run1")
    assert (execution.status, execution.error) == (ExecutionStatus.CANCELLED, None)


async def test_a_step_that_ends_a_cancelled_run_leaves_it_and_its_integration_alone(
    world: SyncWorld,
) -> None:
    """The step had read the record before; the integration still says that the run was cancelled."""
    await start(world)
    before = await world.executions.get(TENANT, "run1")
    cancelled = await world.records.cancel(TENANT, "run1")
    with pytest.raises(StaleWriteError):
        await world.records.completed(before, [])
    assert await world.executions.get(TENANT, "run1") == cancelled
    assert await last_sync(world) == ("run1", "cancelled")


async def test_a_run_that_has_ended_can_not_be_cancelled(world: SyncWorld) -> None:
    """Neither one that was cancelled before, nor one of another tenant."""
    await start(world)
    await world.records.cancel(TENANT, "run1")
    with pytest.raises(InvalidStateError, match="cancelled"):
        await world.records.cancel(TENANT, "run1")
    with pytest.raises(NotFoundError):
        await world.records.cancel("other", "run1")


async def test_quality_is_that_of_the_last_finished_run(world: SyncWorld) -> None:
    """Before there is one, and when it has read nothing, the message says so."""
    with pytest.raises(NotFoundError, match="no finished run"):
        await world.records.last_quality(TENANT, "int1")
    await start(world)
    await world.records.cancel(TENANT, "run1")
    with pytest.raises(NotFoundError, match="run1, ended before"):
        await world.records.last_quality(TENANT, "int1")
    world.adapter.requests.append(FetchRequest("thing", None, None, 1))  # nobody cancels from here on
    execution = await world.run(SyncMode.FULL)
    quality = await world.records.last_quality(TENANT, "int1")
    metrics = DataQualityMetrics(**quality.model_dump(by_alias=False, exclude={"execution_id"}))
    assert (metrics, quality.total_records, quality.invalid_records) == (execution.quality, 3, 1)
    assert quality.execution_id == execution.id
    with pytest.raises(NotFoundError):
        await world.records.last_quality("other", "int1")


async def test_a_run_that_reads_nothing_leaves_the_quality_of_the_one_before(world: SyncWorld) -> None:
    """Nothing new is no news about the records that are there; the answer says whose it is."""
    world.adapter.requests.append(FetchRequest("thing", None, None, 1))  # nobody cancels from here on
    first = await world.run(SyncMode.FULL)
    idle = await world.run()
    assert (idle.counts, idle.quality) == (SyncCounts(), None)
    quality = await world.records.last_quality(TENANT, "int1")
    assert (quality.execution_id, quality.total_records) == (first.id, 3)


class SlowAdapter(FakeAdapter):
    """Each page takes three seconds; while the second is read, somebody cancels the run."""

    world: SyncWorld

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        page = await super().fetch_page(request)
        self.world.clock.advance(3)
        if len(self.requests) == 2:
            await self.world.records.cancel(TENANT, "run1")
        return page


async def test_a_slow_step_of_a_cancelled_run_stops_within_seconds(tmp_path: Path) -> None:
    """It looks at its run every five seconds; what it had stored stays, and nobody goes on."""
    adapter = SlowAdapter([record(f"r{number}") for number in range(40)], page_size=1)
    async with sync_world(tmp_path, max_records=100, adapter=adapter) as world:
        adapter.world = world
        await world.add_integration()
        step = await start(world)
        await run_step(world.sync, step, world.clock)
        assert await world.status() is ExecutionStatus.CANCELLED
        assert len(await world.shards()) <= 3
        (again,) = world.sender.steps()
        await run_step(world.sync, again, world.clock)
        assert world.sender.steps() == []
        assert len(world.adapter.requests) <= 4
