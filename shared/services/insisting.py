"""Changing documents that others may write to at the same moment."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.domain.errors import StaleWriteError, UnavailableError

_MAX_WRITES = 5
"""How often a change is tried while others write the same document; each of them writes it but rarely."""

T = TypeVar("T")


async def insist(attempt: Callable[[], Awaitable[T]]) -> T:
    """Read and write anew, as `attempt` does, while others write in between.

    Raises:
        UnavailableError: They do so again and again.
    """
    for _ in range(_MAX_WRITES):
        with contextlib.suppress(StaleWriteError):
            return await attempt()
    raise UnavailableError("Others are writing the same document; try again.")
