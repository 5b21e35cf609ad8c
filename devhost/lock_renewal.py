"""Keeps messages (or the session that they belong to) locked while a function works on them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from shared.domain.errors import LeaseLostError
from shared.ports.clock import Clock
from shared.ports.queue import MessageReceiver, ReceivedMessage

_logger = logging.getLogger("devhost.service_bus")

_CALL_TIMEOUT_SECONDS = 30.0
_SHORTEST_PAUSE_SECONDS = 1.0


class LockRenewal:
    """Renews after a third to half of a lock's time, at random so that many locks don't fall due together.

    Args:
        longest_seconds: No more renewals once a message has been in hand this long
            (`maxAutoLockRenewalDuration`).
        clock: Waits, and tells how long a lock still lasts.
        random: Returns numbers from 0 up to 1.
    """

    def __init__(self, longest_seconds: float, clock: Clock, random: Callable[[], float]) -> None:
        self._longest_seconds = longest_seconds
        self._clock = clock
        self._random = random
        # A lock's whole time is the longest that was seen: a session's may be half gone at the first look.
        self._lock_seconds = 0.0

    @asynccontextmanager
    async def held(self, receiver: MessageReceiver, message: ReceivedMessage) -> AsyncIterator[None]:
        """Keep the message's lock for the time of the block."""
        renewing = asyncio.create_task(self._renew(receiver, message))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, receiver: MessageReceiver, message: ReceivedMessage) -> None:
        give_up_at = self._clock.monotonic() + self._longest_seconds
        locked_until = message.locked_until
        while True:
            wait = self._seconds_to_renewal(locked_until)
            if self._clock.monotonic() + wait > give_up_at:
                _logger.warning("Message %s is no longer renewed: it took too long", message.message_id)
                return
            await self._clock.sleep(wait)
            try:
                async with asyncio.timeout(_CALL_TIMEOUT_SECONDS):
                    locked_until = await receiver.renew(message)
            except LeaseLostError:
                _logger.warning("Message %s lost its lock while it was worked on", message.message_id)
                return
            except Exception:
                _logger.exception("The lock of message %s could not be renewed yet", message.message_id)
                if self._clock.now() >= locked_until:
                    return

    def _seconds_to_renewal(self, locked_until: datetime) -> float:
        remaining = (locked_until - self._clock.now()).total_seconds()
        self._lock_seconds = max(self._lock_seconds, remaining)
        elapsed_at_renewal = self._lock_seconds * (1 / 3 + self._random() / 6)
        return max(_SHORTEST_PAUSE_SECONDS, remaining - self._lock_seconds + elapsed_at_renewal)
