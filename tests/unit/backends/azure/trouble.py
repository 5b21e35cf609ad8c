"""A service that fails for 60 seconds of a clock that only waiting moves on."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from tests.doubles.faults import Fault, never
from tests.doubles.server import DoubleServer
from tests.fakes.clock import FakeClock

BAD_SECONDS = 60.0
TURN_SECONDS = 2.0
UNANSWERED_SECONDS = 15.0
"""What a request without an answer takes of the clock: the app's time-out for one attempt."""

TURNS: Mapping[str, tuple[Fault | None, ...]] = {
    "refused": (),
    "throttled": (Fault.THROTTLED,),
    "slow": (Fault.SLOW, Fault.LATE),
    "flapping": (Fault.RESET, None, Fault.FAILED, Fault.CUT, None, Fault.THROTTLED),
}
"""The faults of each kind of trouble: every two seconds another. Who is refused finds nobody at the port."""


class Trouble:
    """One kind of trouble with one server, from `begin` to `end`. `met` are the faults that requests met."""

    def __init__(self, kind: str, server: DoubleServer, clock: FakeClock) -> None:
        self.turns = TURNS[kind]
        self.met: set[Fault] = set()
        self._server = server
        self._clock = clock
        self._until = 0.0

    @property
    def is_over(self) -> bool:
        return self._clock.monotonic() >= self._until

    async def begin(self) -> None:
        self._until = self._clock.monotonic() + BAD_SECONDS
        if self.turns:
            self._server.faults.plan = self._fault
        else:
            await self._server.refuse()

    async def end(self) -> None:
        self._server.faults.plan = never
        if not self.turns:
            await self._server.listen()

    def _fault(self, _request: web.Request) -> Fault | None:
        if self.is_over:
            return None
        fault = self.turns[int(self._clock.monotonic() / TURN_SECONDS) % len(self.turns)]
        if fault:
            self.met.add(fault)
        if fault in {Fault.SLOW, Fault.LATE}:
            self._clock.advance(UNANSWERED_SECONDS)
        return fault
