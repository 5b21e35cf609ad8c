"""How many runs are at work at once, and that each of them gets through."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from functions._messages import run_step
from shared.domain.errors import UnavailableError
from shared.domain.sync import ExecutionStatus, SyncMode, Trigger
from shared.ports.adapter import FetchRequest, SourcePage, SourceRecord
from shared.resilience.turns import SLICE_SECONDS, TURN_SECONDS
from tests.fakes.adapter import FakeAdapter
from tests.fakes.dying_store import ProcessDeath
from tests.unit.services.sync_world import TENANT, SyncWorld, record, sync_world


class CountingAdapter(FakeAdapter):
    """Tells how many fetches were under way at once at most."""

    def __init__(self, records: Sequence[SourceRecord]) -> None:
        super().__init__(records)
        self._at_work = 0
        self.most = 0

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        self._at_work += 1
        self.most = max(self.most, self._at_work)
        try:  # a fetch that is cancelled is no longer under way
            for _ in range(20):
                await asyncio.sleep(0)
        finally:
            self._at_work -= 1
        return await super().fetch_page(request)


async def start(world: SyncWorld, number: int, tenant: str = TENANT) -> str:
    integration = await world.add_integration(id=f"int{number}", tenant_id=tenant)
    return (await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")).id


async def work_together(world: SyncWorld) -> None:
    """Handle all messages that are there at once, until there are none."""
    while steps := world.sender.steps():
        await asyncio.gather(*(run_step(world.sync, step, world.clock) for step in steps))


def counting() -> CountingAdapter:
    return CountingAdapter([record(f"r{number}") for number in range(20)])


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_a_tenant_has_so_many_runs_at_work_and_all_get_through(tmp_path: Path, limit: int) -> None:
    """Guide, "Environment-Specific Configurations": `maxConcurrentSyncs`. Nobody is asked to try again."""
    adapter = counting()
    async with sync_world(tmp_path, adapter=adapter, max_runs_per_tenant=limit) as world:
        runs = [await start(world, number) for number in range(8)]
        await work_together(world)
        assert {await world.status(run) for run in runs} == {ExecutionStatus.SUCCEEDED}
        assert 1 <= adapter.most <= limit


async def test_all_tenants_together_have_so_many_runs_at_work(tmp_path: Path) -> None:
    """Guide, "Concurrent Request Limits": `global`; each tenant alone would be within its own limit."""
    adapter = counting()
    async with sync_world(tmp_path, adapter=adapter, max_runs=2) as world:
        tenants = [f"tenant{number}" for number in range(6)]
        runs = {tenant: await start(world, 1, tenant) for tenant in tenants}
        await work_together(world)
        ends = {(await world.executions.get(tenant, run)).status for tenant, run in runs.items()}
        assert ends == {ExecutionStatus.SUCCEEDED}
        assert 1 <= adapter.most <= 2


async def test_a_long_run_does_not_keep_a_short_one_out(tmp_path: Path) -> None:
    """After its slice the long one waits until the other has had its turn, and then goes on where it was."""
    async with sync_world(tmp_path, max_runs_per_tenant=1) as world:
        world.adapter.records = [record(f"r{number}") for number in range(40)]
        long, short = await start(world, 1), await start(world, 2)
        order = []
        while steps := world.sender.steps():
            world.clock.advance(SLICE_SECONDS / 2)
            for step in steps:
                order.append(step.execution_id)
                await world.sync.run(step)
        assert order.index(short) < 3
        assert order[3:9].count(short) >= 2
        assert {await world.status(run) for run in (long, short)} == {ExecutionStatus.SUCCEEDED}


async def test_a_failing_run_makes_room_while_it_waits_for_its_next_attempt(tmp_path: Path) -> None:
    """A provider that is down does not hold the tenant's other runs up."""
    async with sync_world(tmp_path, max_runs_per_tenant=1) as world:
        world.adapter.faults[1] = UnavailableError("down")
        failing, waiting = await start(world, 1), await start(world, 2)
        first, second = world.sender.steps()
        await run_step(world.sync, first, world.clock)
        await run_step(world.sync, second, world.clock)
        assert await world.status(waiting) is ExecutionStatus.SUCCEEDED
        await work_together(world)
        assert await world.status(failing) is ExecutionStatus.SUCCEEDED


async def test_a_run_that_is_cancelled_while_it_waits_is_passed_over(tmp_path: Path) -> None:
    """Its turn goes to the next."""
    async with sync_world(tmp_path, max_runs_per_tenant=1) as world:
        world.adapter.records = [record(f"r{number}") for number in range(8)]
        runs = [await start(world, number) for number in range(3)]
        for step in world.sender.steps():
            await world.sync.run(step)
        await world.records.cancel(TENANT, runs[1])
        await world.work()
        assert [await world.status(run) for run in runs] == [
            ExecutionStatus.SUCCEEDED,
            ExecutionStatus.CANCELLED,
            ExecutionStatus.SUCCEEDED,
        ]


async def test_a_crash_while_calling_the_next_costs_it_time_and_not_its_run(tmp_path: Path) -> None:
    """The process dies at the end of a run; the scheduler finds who waited by its silence."""
    async with sync_world(tmp_path, max_runs_per_tenant=1) as world:
        ending, waiting = await start(world, 1), await start(world, 2)
        first, second = world.sender.steps()
        await world.turns.enter(first)
        await world.sync.run(second)
        world.store.dies_at = "runtime-state"
        with pytest.raises(ProcessDeath):
            await world.sync.run(first)
        assert await world.status(ending) is ExecutionStatus.SUCCEEDED
        world.clock.advance(TURN_SECONDS + 1)
        world.sender.forget()
        await world.scheduler.run("request-2")
        await world.work()
        assert await world.status(waiting) is ExecutionStatus.SUCCEEDED


async def test_a_message_that_comes_again_while_its_run_waits_changes_nothing(tmp_path: Path) -> None:
    """The run keeps its place, and is called once."""
    async with sync_world(tmp_path, max_runs_per_tenant=1) as world:
        await start(world, 1)
        await start(world, 2)
        first, second = world.sender.steps()
        await world.turns.enter(first)
        for _ in range(3):
            await world.sync.run(second)
        assert world.sender.sent == []
        await world.sync.run(first)
        (called,) = world.sender.steps()
        assert (called.execution_id, called.part, called.attempt) == (second.execution_id, 1, 0)
