"""The `limits`, `retry`, `timeouts` and `rateLimitHeaders` of a provider's document: how fast, how often."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.adapters.rest.notation import HeaderName
from shared.domain.model import WireModel
from shared.resilience.rate_limit import LONGEST_WAIT_SECONDS, RateLimits
from shared.resilience.rate_window import Rate
from shared.resilience.retry import RetryPolicy

_GUIDE = RetryPolicy()

Count = Annotated[int, Field(ge=1, le=10_000_000)]
Delay = Annotated[float, Field(ge=0, le=LONGEST_WAIT_SECONDS)]


class RequestLimits(WireModel):
    """How many requests one integration may send; all limits hold at once, and nothing limits without one."""

    requests_per_second: Count | None = None
    requests_per_minute: Count | None = None
    requests_per_hour: Count | None = None
    requests_per_day: Count | None = None
    concurrent_requests: Annotated[int, Field(ge=1, le=100)] | None = None

    def for_limiter(self) -> RateLimits:
        """Return the same for a rate limiter."""
        rates = (
            (self.requests_per_second, 1.0),
            (self.requests_per_minute, 60.0),
            (self.requests_per_hour, 3600.0),
            (self.requests_per_day, 86_400.0),
        )
        return RateLimits(
            tuple(Rate(count, seconds) for count, seconds in rates if count), self.concurrent_requests
        )


class RetryRule(WireModel):
    """How often and how soon a request that failed is sent again. The defaults are the guide's.

    Attributes:
        max_attempts: Including the first.
        initial_delay_seconds: The longest wait after the first failure.
        multiplier: By how much the longest wait grows with each failure.
        max_delay_seconds: The longest wait of all. A longer pause that the provider asks for is not waited
            for: the step of the run is done again after it.
    """

    max_attempts: Annotated[int, Field(ge=1, le=10)] = _GUIDE.max_attempts
    initial_delay_seconds: Delay = _GUIDE.initial_delay_seconds
    multiplier: Annotated[float, Field(ge=1, le=10)] = _GUIDE.multiplier
    max_delay_seconds: Delay = _GUIDE.max_delay_seconds

    def policy(self) -> RetryPolicy:
        """Return the same for a retry."""
        return RetryPolicy(**self.model_dump(by_alias=False))


class Timeouts(WireModel):
    """How long one request may take; waits before it and between attempts don't count.

    Attributes:
        connect_seconds: Until there is a connection. The guide's `connectionTimeout` is 10 s.
        total_seconds: From the connection to the last byte. The guide's `apiCall` is 30 s.
    """

    connect_seconds: Annotated[float, Field(gt=0, le=30)] = 10.0
    total_seconds: Annotated[float, Field(gt=0, le=120)] = 30.0


class RateLimitHeaders(WireModel):
    """Where answers tell what is left of a limit.

    Attributes:
        remaining: Holds the number of requests left. After a 0 the next request waits for the reset.
        reset: Holds seconds, an HTTP date, ISO 8601, or seconds or milliseconds since 1970.
    """

    remaining: HeaderName
    reset: HeaderName
