"""Trying again: exponential backoff with full jitter, and no longer than is polite."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from shared.domain.errors import RetryableError
from shared.ports.clock import Clock
from shared.telemetry.logs import get_logger

T = TypeVar("T")

_logger = get_logger("retry")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how soon to try again. The defaults are the operations guide's.

    Attributes:
        max_attempts: Including the first.
        initial_delay_seconds: The longest wait after the first failure.
        multiplier: By how much the longest wait grows with each failure.
        max_delay_seconds: No wait is longer. A pause asked for by the other side that is longer than
            this is the caller's to arrange: it holds up nobody's worker.
    """

    max_attempts: int = 3
    initial_delay_seconds: float = 1.0
    multiplier: float = 2.0
    max_delay_seconds: float = 60.0

    def longest_delay_seconds(self, failures: int) -> float:
        """Return the upper bound of the wait after that many failures."""
        return min(self.max_delay_seconds, self.initial_delay_seconds * self.multiplier ** (failures - 1))


class Retry:
    """Calls an operation again while it raises `RetryableError` and the policy allows.

    Waits are random between nothing and the backoff's bound ("full jitter"), so that many callers that
    failed together don't come back together; never shorter than the other side asked for.
    """

    def __init__(self, policy: RetryPolicy, *, clock: Clock, random: Callable[[], float]) -> None:
        self._policy = policy
        self._random = random
        self._retrying = AsyncRetrying(
            retry=retry_if_exception(self._is_worth_waiting),
            stop=stop_after_attempt(policy.max_attempts),
            wait=self._delay_seconds,
            sleep=clock.sleep,
            before_sleep=_log,
            reraise=True,
        )

    async def call(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Return what the operation returns.

        Raises:
            RetryableError: The last attempt failed too, or the pause asked for is too long to wait here.
            Exception: Whatever else the operation raises, at once.
        """

        async def attempt() -> T:  # tenacity awaits only what it sees to be a coroutine function
            return await operation()

        # A copy, because tenacity keeps the state of a call in the object.
        return await self._retrying.copy()(attempt)

    def _is_worth_waiting(self, error: BaseException) -> bool:
        return isinstance(error, RetryableError) and (
            error.retry_after_seconds is None or error.retry_after_seconds <= self._policy.max_delay_seconds
        )

    def _delay_seconds(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_for = error.retry_after_seconds if isinstance(error, RetryableError) else None
        jittered = self._random() * self._policy.longest_delay_seconds(state.attempt_number)
        return max(jittered, asked_for or 0.0)


def _log(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    _logger.warning(
        "Attempt %d failed, next in %.1f s: %s", state.attempt_number, state.upcoming_sleep, error
    )
