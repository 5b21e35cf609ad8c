"""Opening something at its first use."""

from __future__ import annotations

import asyncio

import pytest

from shared.backends.opened import Opening
from shared.domain.errors import UnavailableError


class Counter:
    def __init__(self, failures: int = 0) -> None:
        self.calls = 0
        self._failures = failures

    async def open(self) -> object:
        self.calls += 1
        await asyncio.sleep(0)
        if self.calls <= self._failures:
            raise UnavailableError("not yet")
        return object()


async def test_many_who_ask_at_once_get_the_same() -> None:
    """It is opened by the first."""
    counter = Counter()
    opening = Opening(counter.open)
    found = await asyncio.gather(*(opening() for _ in range(5)))
    assert counter.calls == 1
    assert len(set(map(id, found))) == 1


async def test_what_could_not_be_opened_is_opened_by_the_next() -> None:
    """An app that was started before its store was there recovers without a restart."""
    opening = Opening(Counter(failures=1).open)
    with pytest.raises(UnavailableError):
        await opening()
    assert await opening() is await opening()
