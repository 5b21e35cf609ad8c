"""Keeps asking a queue backend that fails, with growing pauses."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.domain.errors import RetryableError
from shared.ports.clock import Clock

_logger = logging.getLogger("devhost.service_bus")
_T = TypeVar("_T")

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


class Backoff:
    """Pauses that double up to a minute, each cut by up to a half at random so that hosts don't keep in step.

    Args:
        clock: Waits.
        random: Returns numbers from 0 up to 1.
    """

    def __init__(self, clock: Clock, random: Callable[[], float]) -> None:
        self._clock = clock
        self._random = random

    async def until_it_works(self, what: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """Return the first result of `call`; every failure is logged and followed by a pause."""
        failures = 0
        while True:
            asked_seconds = None
            try:
                return await call()
            except (RetryableError, TimeoutError) as error:
                _logger.warning("%s does not work now: %s", what, str(error) or "no answer in time")
                asked_seconds = getattr(error, "retry_after_seconds", None)
            except Exception:
                _logger.exception("%s failed", what)
            await self.pause(failures, asked_seconds)
            failures += 1

    async def pause(self, failures: int, asked_seconds: float | None = None) -> None:
        """Wait after the failure that came after `failures` others; at least what the backend asked for."""
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(failures, 10))
        await self._clock.sleep(max(asked_seconds or 0.0, pause * (1 - self._random() / 2)))
