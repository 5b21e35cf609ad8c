"""Reading pages ahead: the next one is on its way while this one is being stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from shared.ports.adapter import Adapter, FetchRequest, SourcePage
from shared.services.page_slices import slices_of, whole_page
from shared.services.read_ahead import ReadAhead
from shared.telemetry.logs import get_logger

_log = get_logger("sync")


async def read_pages(
    adapter: Adapter, run: str, first: FetchRequest, max_records: int, ahead: ReadAhead
) -> AsyncGenerator[SourcePage]:
    """Yield pages until the last, or until one more would be over `max_records`; one page is fetched ahead.

    A page that has more than that by itself comes in slices.

    Close the generator (`contextlib.aclosing`) to cancel the fetch that is under way. The adapter is closed
    with it, or later by `ahead`, which gets the page that is left to the next step.

    Args:
        adapter: The line to the provider.
        run: Names the run among all.
        first: Where to begin.
        max_records: How many records to read, and how many a slice has at most.
        ahead: Keeps a page from one step of the run to the next.

    Raises:
        RetryableError, StopError: As the adapter raises them.
    """
    fetch: asyncio.Task[SourcePage] | None = None
    request, read, handed_over = first, 0, False
    try:
        page = await ahead.take(run, first) or await _fetched(adapter, whole_page(first))
        position = first.position
        while True:
            read += len(page.records)
            is_last = page.next_position is None or read + len(page.records) > max_records
            if page.next_position is not None and (not is_last or ahead.capacity):
                request = replace(first, position=page.next_position)
                fetch = asyncio.create_task(_fetched(adapter, request), name=f"fetch {first.entity}")
            for part in slices_of(page, position, max_records):
                yield part
            if fetch is None:
                return
            if is_last:
                handed_over = True
                await ahead.keep(run, request, fetch, adapter)
                return
            page, fetch, position = await fetch, None, request.position
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
