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
