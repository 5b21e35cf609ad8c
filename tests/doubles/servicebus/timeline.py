"""What is to happen when, by a clock that a test may hold still."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from shared.ports.clock import Clock


@dataclass(slots=True, eq=False)
class Timer:
    """Something to happen, unless it is cancelled."""

    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Timeline:
    """Calls back when the clock has come to a moment. Times are milliseconds since 1970.

    A real clock wakes it by itself; who moves a clock by hand calls `catch_up`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[int, int, Timer]] = []
        self._numbers = itertools.count()
        self._wakeup: asyncio.TimerHandle | None = None

    def now(self) -> int:
        return round(self._clock.now().timestamp() * 1000)

    def call_at(self, when: int, callback: Callable[[], None]) -> Timer:
        """Call back at `when`, or at the next turn of the loop if that has passed."""
        timer = Timer(callback)
        heapq.heappush(self._due, (when, next(self._numbers), timer))
        self._set_alarm()
        return timer

    def catch_up(self) -> None:
        """Do all that is due, in order of time."""
        while self._due and self._due[0][0] <= self.now():
            timer = heapq.heappop(self._due)[2]
            if not timer.cancelled:
                timer.callback()
        self._set_alarm()

    def stop(self) -> None:
        """Forget everything."""
        self._due.clear()
        self._set_alarm()

    def _set_alarm(self) -> None:
        if self._wakeup:
            self._wakeup.cancel()
            self._wakeup = None
        if self._due:
            seconds = max(0, self._due[0][0] - self.now()) / 1000
            self._wakeup = asyncio.get_running_loop().call_later(seconds, self.catch_up)
