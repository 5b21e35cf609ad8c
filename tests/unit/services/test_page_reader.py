"""Pages of one step: how large, and how far ahead."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from shared.ports.adapter import FetchRequest
from shared.services.page_reader import page_size, read_pages
from shared.services.read_ahead import ReadAhead
from tests.fakes.adapter import FakeAdapter
from tests.fakes.clock import ManualClock
from tests.unit.services.sync_world import record


@pytest.mark.parametrize(
    ("max_records", "kept", "expected"),
    [
        (1000, 0, 500),  # two pages of a step: one is fetched while the other is stored
        (150, 0, 100),  # small pages would cost more than they save
        (100, 0, 100),
        (4, 0, 4),  # never more than the step may read
        (1000, 16, 1000),  # the next step's page is fetched meanwhile
    ],
)
def test_a_page_leaves_something_to_fetch_while_it_is_stored(
    max_records: int, kept: int, expected: int
) -> None:
    """Of the same step where no page is kept for the next, else of that one."""
    assert page_size(max_records, ReadAhead(ManualClock(), kept)) == expected


async def test_where_no_page_is_kept_the_second_of_a_step_is_fetched_ahead() -> None:
    """It is asked for while the first is in hand; the first of the next step is not asked for."""
    adapter = FakeAdapter([record(f"r{number}") for number in range(900)], page_size=1000)
    ahead = ReadAhead(ManualClock(), 0)
    request = FetchRequest("thing", None, None, page_size(400, ahead))
    asked = []
    async with aclosing(read_pages(adapter, "run1", request, 400, ahead)) as pages:
        async for page in pages:
            await asyncio.sleep(0)
            asked.append((len(page.records), len(adapter.requests)))
    assert asked == [(200, 2), (200, 2)]
