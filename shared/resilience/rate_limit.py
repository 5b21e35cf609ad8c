"""Rate limits: requests wait in line for their turn, and not for too long."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.domain.errors import ThrottledError
from shared.ports.clock import Clock
from shared.resilience.rate_window import Rate, RateWindow
from shared.telemetry.logs import get_logger

LONGEST_WAIT_SECONDS = 300.0
"""The operations guide's "Fail if queued too long (5 minutes)"."""

_SHORTEST_WAIT_SECONDS = 0.001
"""A wait of less may be too small a number to move a clock."""

_SWEEP_AT = 1_000
_log = get_logger("limits")


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How many requests there may be: in each window of time, and at once. Nothing is limited without."""

    rates: tuple[Rate, ...] = ()
    concurrent: int | None = None


class RateLimiter:
    """Lets requests through in the order in which they came, as all of its limits allow.

    Nobody waits longer than five minutes for room in a window: who would have to is refused, on arrival where
    that can be foreseen. Whoever is cancelled in line has taken nothing.
    """

    def __init__(self, name: str, limits: RateLimits, clock: Clock) -> None:
        self.limits = limits
        self._name = name
        self._clock = clock
        self._windows = [RateWindow(rate) for rate in limits.rates]
        self._places = asyncio.Semaphore(limits.concurrent or sys.maxsize)
        self._head_of_line = asyncio.Lock()
        self._closed_until = -math.inf
        self._waiting = 0
        self._running = 0

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for a turn, and hold one of the concurrent places until the end of the `async with`.

        Raises:
            ThrottledError: It would take longer than five minutes; `retry_after_seconds` tells how long.
        """
        await self._wait_in_line()
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._places.release()

    def pause(self, seconds: float) -> None:
        """Let nobody through for a while: the other side said so."""
        _log.info("%s: no requests for %.1f s", self._name, seconds)
        self._closed_until = max(self._closed_until, self._clock.monotonic() + seconds)

    def is_forgettable(self) -> bool:
        """True when a new limiter would let through the same."""
        now = self._clock.monotonic()
        in_use = self._waiting or self._running or self._closed_until > now
        return not in_use and all(window.is_empty(now) for window in self._windows)

    async def _wait_in_line(self) -> None:
        arrived = self._clock.monotonic()
        self._require_patience(self._delay(ahead=self._waiting))
        self._waiting += 1
        try:
            async with self._head_of_line:
                await self._places.acquire()
                try:
                    await self._wait_for_windows(arrived)
                except BaseException:
                    self._places.release()
                    raise
        finally:
            self._waiting -= 1

    async def _wait_for_windows(self, arrived: float) -> None:
        while delay := self._delay():
            self._require_patience(self._clock.monotonic() - arrived + delay)
            await self._clock.sleep(max(delay, _SHORTEST_WAIT_SECONDS))
        for window in self._windows:
            window.count(self._clock.monotonic())

    def _delay(self, ahead: int = 0) -> float:
        """Return how long it takes at least until there is room for one more, after those ahead in line."""
        now = self._clock.monotonic()
        delays = (window.delay_seconds(now, ahead) for window in self._windows)
        return max(self._closed_until - now, 0.0, *delays)

    def _require_patience(self, seconds: float) -> None:
        if seconds > LONGEST_WAIT_SECONDS:
            raise ThrottledError(
                f"The rate limit of {self._name} has no room for {seconds:.0f} s; try again then.",
                retry_after_seconds=seconds,
            ).of_provider()


class RateLimiters:
    """This process's limiters. A restart forgets what was counted; other processes count by themselves."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._limiters: dict[tuple[str, ...], RateLimiter] = {}
        self._sweep_at = _SWEEP_AT

    def of(self, key: tuple[str, ...], limits: RateLimits) -> RateLimiter:
        """Return the limiter that everybody with this key shares.

        Args:
            key: Who is limited, from the provider down; it stands in messages.
            limits: Where they are others than before, counting begins anew.
        """
        limiter = self._limiters.get(key)
        if limiter is None or limiter.limits != limits:
            self._sweep()
            limiter = self._limiters[key] = RateLimiter("/".join(key), limits, self._clock)
        return limiter

    def _sweep(self) -> None:
        """Forget idle limiters, seldom enough that it costs nothing by the limiter."""
        if len(self._limiters) >= self._sweep_at:
            kept = {key: each for key, each in self._limiters.items() if not each.is_forgettable()}
            self._limiters = kept
            self._sweep_at = max(_SWEEP_AT, 2 * len(kept))
