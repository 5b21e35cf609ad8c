"""Pages of one step: how large, and how far ahead."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from shared.ports.adapter import FetchRequest
from shared.services.page_reader import read_pages
from shared.services.read_ahead import ReadAhead
from tests.fakes.adapter import FakeAdapter
from tests.fakes.clock import ManualClock
from tests.unit.services.sync_world import record


async def test_where_no_page_is_kept_the_second_of_a_step_is_fetched_ahead() -> None:
    """It is asked for while the first is in hand; the first of the next step is not asked for."""
    adapter = FakeAdapter([record(f"r{number}") for number in range(900)], page_size=1000)
    ahead = ReadAhead(ManualClock(), 0)
    request = FetchRequest("thing", None, None, page_size=200)
    asked = []
    async with aclosing(read_pages(adapter, "run1", request, 400, ahead)) as pages:
        async for page in pages:
            await asyncio.sleep(0)
            asked.append((len(page.records), len(adapter.requests)))
    assert asked == [(200, 2), (200, 2)]
