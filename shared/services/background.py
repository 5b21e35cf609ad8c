"""Doing one thing while another is under way, with nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def in_background(operation: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Begin an operation and give the block its task to await; a block that fails cancels it."""
    task = asyncio.create_task(operation)
    try:
        await asyncio.sleep(0)  # lets it begin before the block computes
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Undertakings:
    """Operations that go on to their end when their caller is cancelled: their answers may not come again."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()

    async def carry_out(self, operation: Coroutine[Any, Any, T], name: str) -> T:
        """Return what the operation does; raise what it raises."""
        task = asyncio.create_task(operation, name=name)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def settle(self) -> None:
        """Wait until what has begun has ended."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """Look at the outcome, also when whoever waited for it is gone."""
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()
