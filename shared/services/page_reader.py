"""Reading pages ahead: the next one is on its way while this one is being stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from shared.ports.adapter import Adapter, FetchRequest, SourcePage
from shared.services.read_ahead import ReadAhead
from shared.telemetry.logs import get_logger

SMALLEST_PAGE = 100
"""Records to ask for at least: below, requests cost more than waiting for a page does."""

_log = get_logger("sync")


def page_size(max_records: int, ahead: ReadAhead) -> int:
    """Return how many records to ask for at once by a step that reads `max_records`.

    Where no page can be kept for the next step, one that fills a step would leave nothing to fetch while it
    is stored. Two share it then, and not more: each costs a look-up of its shards and a save of the
    checkpoint.
    """
    if ahead.capacity:
        return max_records
    return max(max_records // 2, min(max_records, SMALLEST_PAGE))


async def read_pages(
    adapter: Adapter, run: str, first: FetchRequest, max_records: int, ahead: ReadAhead
) -> AsyncGenerator[SourcePage]:
    """Yield pages until the last, or until one more would be over `max_records`; one page is fetched ahead.

    Close the generator (`contextlib.aclosing`) to cancel the fetch that is under way. The adapter is closed
    with it, or later by `ahead`, which gets the page that is left to the next step.

    Args:
        adapter: The line to the provider.
        run: Names the run among all.
        first: Where to begin.
        max_records: How many records to read.
        ahead: Keeps a page from one step of the run to the next.

    Raises:
        RetryableError, StopError: As the adapter raises them.
    """
    fetch: asyncio.Task[SourcePage] | None = None
    request, read, handed_over = first, 0, False
    try:
        page = await ahead.take(run, first) or await _fetched(adapter, first)
        while True:
            read += len(page.records)
            is_last = page.next_position is None or read + len(page.records) > max_records
            if page.next_position is not None and (not is_last or ahead.capacity):
                request = replace(first, position=page.next_position)
                fetch = asyncio.create_task(_fetched(adapter, request), name=f"fetch {first.entity}")
            yield page
            if fetch is None:
                return
            if is_last:
                handed_over = True
                await ahead.keep(run, request, fetch, adapter)
                return
            page, fetch = await fetch, None
    finally:
        if not handed_over:
            await _abandon(fetch)
            await adapter.close()


async def _fetched(adapter: Adapter, request: FetchRequest) -> SourcePage:
    _log.debug("phase fetch")
    return await adapter.fetch_page(request)


async def _abandon(fetch: asyncio.Task[SourcePage] | None) -> None:
    if fetch:
        fetch.cancel()
        await asyncio.gather(fetch, return_exceptions=True)
