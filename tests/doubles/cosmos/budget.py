"""A budget of request units per second, as provisioned throughput is one."""

from __future__ import annotations

import math

from shared.ports.clock import Clock
from tests.doubles.cosmos.errors import THROTTLED, Refused


class Budget:
    """Lets a request in as long as the last second's charges are below the budget.

    What is over drains at `units_per_second`; a request may overdraw, as its charge is known afterwards.
    """

    def __init__(self, units_per_second: float, clock: Clock) -> None:
        self._rate = units_per_second
        self._clock = clock
        self._level = 0.0
        self._at = clock.monotonic()

    def admit(self) -> None:
        """Pass, or refuse with 429 and the milliseconds after which there is room again."""
        now = self._clock.monotonic()
        self._level = max(0.0, self._level - (now - self._at) * self._rate)
        self._at = now
        if self._level < self._rate:
            return
        wait = math.floor((self._level - self._rate) / self._rate * 1000) + 1
        headers = {"x-ms-retry-after-ms": str(wait)}
        raise Refused(429, "Request rate is large.", substatus=THROTTLED, headers=headers)

    def charge(self, units: float) -> None:
        self._level += units
