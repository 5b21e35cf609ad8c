"""A service that comes and goes: for 60 seconds of a clock that only waiting moves on."""

from __future__ import annotations

from aiohttp import web

from tests.doubles.faults import Fault
from tests.fakes.clock import FakeClock

BAD_SECONDS = 60.0
TURN_SECONDS = 2.0
_TURNS = (Fault.RESET, None, Fault.FAILED, Fault.CUT, None, Fault.THROTTLED)


class Flapping:
    """A plan of faults: every two seconds another, and none after a minute."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.met: set[Fault] = set()

    @property
    def is_over(self) -> bool:
        return self._clock.monotonic() >= BAD_SECONDS

    def __call__(self, _request: web.Request) -> Fault | None:
        if self.is_over:
            return None
        fault = _TURNS[int(self._clock.monotonic() / TURN_SECONDS) % len(_TURNS)]
        if fault:
            self.met.add(fault)
        return fault
