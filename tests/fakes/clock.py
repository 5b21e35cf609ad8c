"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """Sleeping moves the time forward at once, so that nothing in a test really waits."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._monotonic = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


class ManualClock(FakeClock):
    """Sleepers wait until a test advances the time past their moment: for tasks in the background."""

    def __init__(self, start: datetime = START) -> None:
        super().__init__(start)
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._monotonic + seconds, woken))
        self._wake()
        await woken

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self._wake()

    def _wake(self) -> None:
        due = [woken for at, woken in self._sleepers if at <= self._monotonic]
        self._sleepers = [(at, woken) for at, woken in self._sleepers if at > self._monotonic]
        for woken in due:
            if not woken.done():
                woken.set_result(None)
