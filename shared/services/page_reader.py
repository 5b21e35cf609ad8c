"""Reading pages ahead: the next one is on its way while this one is being stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from shared.ports.adapter import Adapter, FetchRequest, SourcePage
from shared.telemetry.logs import get_logger

_log = get_logger("sync")


async def read_pages(adapter: Adapter, first: FetchRequest, max_records: int) -> AsyncGenerator[SourcePage]:
    """Yield pages until the last, or until one more would be over `max_records`; one page is fetched ahead.

    Close the generator (`contextlib.aclosing`) to cancel the fetch that is under way.

    Raises:
        RetryableError, StopError: As the adapter raises them.
    """
    fetch: asyncio.Task[SourcePage] | None = _fetch(adapter, first)
    read = 0
    try:
        while fetch:
            page = await fetch
            read += len(page.records)
            fetch = None
            if page.next_position is not None and read + len(page.records) <= max_records:
                fetch = _fetch(adapter, replace(first, position=page.next_position))
            yield page
    finally:
        if fetch:
            fetch.cancel()
            await asyncio.gather(fetch, return_exceptions=True)


def _fetch(adapter: Adapter, request: FetchRequest) -> asyncio.Task[SourcePage]:
    _log.debug("phase fetch")
    return asyncio.create_task(adapter.fetch_page(request), name=f"fetch {request.entity}")
