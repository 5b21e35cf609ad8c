"""How fast this process asks its providers, and how often."""

from __future__ import annotations

from collections.abc import Callable

from shared.adapters.rest.limits import RequestLimits, RetryRule
from shared.ports.clock import Clock
from shared.resilience.rate_limit import RateLimiter, RateLimiters
from shared.resilience.retry import Retry


class Pacing:
    """Makes what paces requests. Adapters of the same integration share its rate limiters.

    Args:
        clock: For every wait.
        jitter: Gives numbers from 0 to below 1.
    """

    def __init__(self, clock: Clock, jitter: Callable[[], float]) -> None:
        self._clock = clock
        self._jitter = jitter
        self._limiters = RateLimiters(clock)

    def limiter(self, key: tuple[str, ...], limits: RequestLimits) -> RateLimiter:
        """Return the rate limiter of everybody with this key."""
        return self._limiters.of(key, limits.for_limiter())

    def retry(self, rule: RetryRule) -> Retry:
        """Return what sends a request again."""
        return Retry(rule.policy(), clock=self._clock, random=self._jitter)
