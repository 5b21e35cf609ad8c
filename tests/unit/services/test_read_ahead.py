"""Pages that one step leaves to the next: kept for a short while, and for nobody who does not come."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from shared.domain.sync import SyncMode, Trigger
from shared.ports.adapter import FetchRequest, SourcePage
from shared.services.read_ahead import KEPT_SECONDS, ReadAhead
from tests.fakes.adapter import FakeAdapter
from tests.fakes.clock import ManualClock
from tests.unit.services.sync_world import TENANT, record, sync_world

REQUEST = FetchRequest("thing", None, {"from": 2}, 10)


async def keep(ahead: ReadAhead, run: str) -> FakeAdapter:
    adapter = FakeAdapter([record("a"), record("b"), record("c")])
    await ahead.keep(run, REQUEST, asyncio.create_task(adapter.fetch_page(REQUEST)), adapter)
    return adapter


async def test_the_next_step_takes_the_page() -> None:
    """It is there once, and its adapter is closed with it."""
    ahead = ReadAhead(ManualClock(), capacity=2)
    adapter = await keep(ahead, "run1")
    page = await ahead.take("run1", REQUEST)
    assert isinstance(page, SourcePage)
    assert await ahead.take("run1", REQUEST) is None
    assert adapter.closed == 1


@pytest.mark.parametrize("comes", ["keeper", "taker"])
async def test_a_page_whose_time_is_over_goes_when_any_run_comes(comes: str) -> None:
    """The run that it was for may have failed, and never asks for it."""
    clock = ManualClock()
    ahead = ReadAhead(clock, capacity=2)
    adapter = await keep(ahead, "run1")
    clock.advance(KEPT_SECONDS + 1)
    if comes == "keeper":
        await keep(ahead, "run2")
    else:
        assert await ahead.take("run2", REQUEST) is None
    assert adapter.closed == 1
    await ahead.close()


async def test_a_cancelled_run_leaves_no_page(tmp_path: Path) -> None:
    """Its next message finds it ended, and gives up what was read ahead."""
    async with sync_world(tmp_path) as world:
        integration = await world.add_integration()
        world.adapter.records = [record(f"r{number}") for number in range(10)]
        await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
        (step,) = world.sender.steps()
        await world.sync.run(step)
        await world.records.cancel(TENANT, "run1")
        before = world.adapter.closed
        await world.work()
        assert world.adapter.closed == before + 1
