"""Pages that are larger than a step may be: stored in slices, and nothing of them lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.domain.sweeps import Sweep
from shared.domain.sync import ExecutionStatus, SyncCounts, SyncMode, Trigger
from tests.fakes.adapter import SinglePageAdapter
from tests.fakes.dying_store import ProcessDeath
from tests.unit.services.sync_world import TENANT, SyncWorld, record, sync_world


def ten(shifts: int = 0) -> SinglePageAdapter:
    return SinglePageAdapter([record(f"r{number}") for number in range(10)], shifts)


async def watermark(world: SyncWorld) -> str | int | None:
    found = await world.store.get("checkpoints", (TENANT, "int1"), "inbound.thing")
    assert found is not None
    watermark: str | int | None = found.body["watermark"]
    return watermark


async def test_a_large_page_is_stored_in_slices_by_one_request(tmp_path: Path) -> None:
    """Each slice is checkpointed, and the watermark counts after the last one."""
    async with sync_world(tmp_path, adapter=ten()) as world:
        await world.add_integration()
        execution = await world.run()
        assert (execution.status, execution.counts) == (
            ExecutionStatus.SUCCEEDED,
            SyncCounts(read=10, created=10),
        )
        pages = {key: shard["source"]["page"] for key, shard in (await world.shards()).items()}
        assert pages == {f"r{number}": number // 4 for number in range(10)}
        assert len(world.adapter.requests) == 1
        assert await watermark(world) == 10


async def test_a_large_page_goes_on_in_later_messages(tmp_path: Path) -> None:
    """Where time is up after each slice, the page is fetched again, and what is stored is not read again."""
    async with sync_world(tmp_path, max_seconds=0, adapter=ten()) as world:
        await world.add_integration()
        execution = await world.run()
        assert execution.counts == SyncCounts(read=10, created=10)
        assert [request.position for request in world.adapter.requests] == [None] * 3
        assert await watermark(world) == 10


async def test_a_slice_that_was_stored_but_not_checkpointed_is_counted_once(tmp_path: Path) -> None:
    """The process may die between the two."""
    async with sync_world(tmp_path, adapter=ten()) as world:
        integration = await world.add_integration()
        await world.requests.start(integration, SyncMode.INCREMENTAL, Trigger.MANUAL, "request-1")
        (step,) = world.sender.steps()
        world.store.dies_at = "checkpoints"
        with pytest.raises(ProcessDeath):
            await world.sync.run(step)
        world.store.revive()
        world.clock.advance(600)
        await world.sync.run(step)
        await world.work()
        execution = await world.executions.get(TENANT, "run1")
        assert execution.counts == SyncCounts(read=10, created=10)


async def test_a_large_page_that_has_shifted_is_begun_anew(tmp_path: Path) -> None:
    """What slipped below the place where the step before ended would else never be stored."""
    async with sync_world(tmp_path, max_seconds=0, adapter=ten(shifts=1)) as world:
        await world.add_integration()
        execution = await world.run()
        assert execution.status is ExecutionStatus.SUCCEEDED
        assert execution.counts == SyncCounts(read=13, created=10, unchanged=3)
        assert set(await world.shards()) == {f"r{number}" for number in range(10)}


async def test_a_large_page_that_shifts_each_time_ends_the_run(tmp_path: Path) -> None:
    """Beginning anew for ever is no progress; the reason says what to declare."""
    async with sync_world(tmp_path, max_seconds=0, adapter=ten(shifts=9)) as world:
        await world.add_integration()
        execution = await world.run()
        assert execution.status is ExecutionStatus.FAILED
        assert execution.error is not None
        assert execution.error.code == "no_progress"
        assert "was another one each time" in execution.error.message


async def test_a_large_page_is_one_complete_reading(tmp_path: Path) -> None:
    """Its slices together have seen everything, so that what is missing is gone."""
    async with sync_world(tmp_path, max_seconds=0, adapter=ten()) as world:
        world.adapters.swept = Sweep.ONCE
        await world.add_integration()
        await world.run(SyncMode.FULL)
        world.clock.advance(60)
        del world.adapter.records[4]
        execution = await world.run(SyncMode.FULL)
        assert execution.counts == SyncCounts(read=9, unchanged=9, deleted=1)
