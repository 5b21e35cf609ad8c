"""Calls of an Azure service: each with a time-out, errors in our own terms, tried again within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.backends.azure.core_errors import translate
from shared.ports.clock import Clock
from shared.resilience.retry import Retry, RetryPolicy

T = TypeVar("T")

POLICY = RetryPolicy(max_attempts=4, initial_delay_seconds=1.0, max_delay_seconds=10.0)
"""The SDKs' own retries are switched off: theirs wait up to a minute, on a clock that nobody can inject."""

SDK_RETRIES = 0


class ServiceCalls:
    """Makes calls of one client.

    Args:
        timeout_seconds: For one attempt, from the connection to the answer's last byte.
        clock: Time, for the waits between attempts.
        random: Between 0 and 1, for the same.
    """

    def __init__(self, timeout_seconds: float, clock: Clock, random: Callable[[], float]) -> None:
        self._timeout_seconds = timeout_seconds
        self._retry = Retry(POLICY, clock=clock, random=random)

    async def call(self, place: str, operation: Callable[[], Awaitable[T]]) -> T:
        """Return what the operation returns; it may run several times.

        Args:
            place: What it is about, fit for a message.
            operation: One call of the SDK, without retries of its own.

        Raises:
            IntegrationError: What `core_errors` makes of the SDK's error, after the last attempt.
        """
        return await self._retry.call(lambda: self._attempt(place, operation))

    async def _attempt(self, place: str, operation: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await operation()
        except Exception as error:
            ours = translate(error, place)
            if ours is None:
                raise
            # Without its cause, which holds the request and with it what was to be kept secret.
            raise ours from None
