"""Trying again, by the operations guide's numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import ProviderContractError, ThrottledError, UnavailableError
from shared.resilience.retry import Retry, RetryPolicy
from tests.fakes.clock import FakeClock


class Operation:
    """Raises its errors one by one, then returns how often it was called."""

    def __init__(self, errors: Iterable[BaseException]) -> None:
        self._errors = iter(errors)
        self.calls = 0

    async def __call__(self) -> int:
        self.calls += 1
        if error := next(self._errors, None):
            raise error
        return self.calls


def make_retry(
    clock: FakeClock, policy: RetryPolicy | None = None, random: Callable[[], float] = lambda: 1.0
) -> Retry:
    return Retry(policy or RetryPolicy(), clock=clock, random=random)


async def failing_call(
    retry: Retry, operation: Callable[[], Awaitable[object]], kind: type[BaseException]
) -> BaseException:
    with pytest.raises(kind) as caught:
        await retry.call(operation)
    return caught.value


async def test_success_is_returned_without_waiting() -> None:
    """An operation that succeeds is called once."""
    clock = FakeClock()
    assert await make_retry(clock).call(Operation([])) == 1
    assert clock.slept == []


async def test_default_waits_are_the_guides() -> None:
    """Three attempts, with waits of at most 1 and 2 seconds between them."""
    clock = FakeClock()
    operation = Operation([UnavailableError("down"), UnavailableError("down")])
    assert await make_retry(clock).call(operation) == 3
    assert clock.slept == [1.0, 2.0]


async def test_last_error_is_raised_as_it_is() -> None:
    """After the last attempt the caller gets that attempt's own error, and nobody waits for nothing."""
    clock = FakeClock()
    errors = [UnavailableError("first"), UnavailableError("second"), ThrottledError("third")]
    assert await failing_call(make_retry(clock), Operation(errors), ThrottledError) is errors[2]
    assert clock.slept == [1.0, 2.0]


@pytest.mark.parametrize("error", [ProviderContractError("no"), ValueError("no"), asyncio.CancelledError()])
async def test_other_errors_are_raised_at_once(error: BaseException) -> None:
    """Only `RetryableError` is worth another try; cancellation least of all."""
    clock = FakeClock()
    operation = Operation([error])
    await failing_call(make_retry(clock), operation, type(error))
    assert operation.calls == 1
    assert clock.slept == []


async def test_pause_asked_for_is_kept() -> None:
    """A wait is never shorter than the other side asked for."""
    clock = FakeClock()
    await make_retry(clock).call(Operation([ThrottledError("slow down", retry_after_seconds=17.0)]))
    assert clock.slept == [17.0]


async def test_backoff_applies_above_a_shorter_pause() -> None:
    """A pause shorter than the backoff does not hasten the next attempt."""
    clock = FakeClock()
    await make_retry(clock).call(Operation([ThrottledError("slow down", retry_after_seconds=0.1)]))
    assert clock.slept == [1.0]


async def test_pause_of_a_minute_is_waited_for_and_a_longer_one_is_not() -> None:
    """A pause beyond `max_delay_seconds` is the caller's to arrange."""
    clock = FakeClock()
    await make_retry(clock).call(Operation([ThrottledError("pause", retry_after_seconds=60.0)]))
    assert clock.slept == [60.0]
    operation = Operation([ThrottledError("pause", retry_after_seconds=60.5)])
    await failing_call(make_retry(clock), operation, ThrottledError)
    assert operation.calls == 1
    assert clock.slept == [60.0]


async def test_one_retry_serves_concurrent_calls() -> None:
    """Calls that share a `Retry` count their attempts apart."""
    clock = FakeClock()
    retry = make_retry(clock)
    operations = [Operation([UnavailableError("down")] * 2) for _ in range(5)]
    assert await asyncio.gather(*(retry.call(operation) for operation in operations)) == [3] * 5


async def test_any_callable_that_gives_an_awaitable_will_do() -> None:
    """A lambda around a coroutine is tried again like a coroutine function."""
    operation = Operation([UnavailableError("down")])
    assert await make_retry(FakeClock()).call(lambda: operation()) == 2  # noqa: PLW0108 - the lambda is the point


@given(
    jitter=st.lists(st.floats(0, 1, exclude_max=True), min_size=7, max_size=7),
    multiplier=st.floats(1, 5),
    initial=st.floats(0, 10),
)
async def test_waits_stay_inside_the_backoff(jitter: list[float], multiplier: float, initial: float) -> None:
    """Every wait lies between nothing and the bound, which grows by the multiplier up to its maximum."""
    policy = RetryPolicy(
        max_attempts=8, initial_delay_seconds=initial, multiplier=multiplier, max_delay_seconds=30.0
    )
    clock = FakeClock()
    retry = make_retry(clock, policy, cycle(jitter).__next__)
    await failing_call(retry, Operation([UnavailableError("down")] * 8), UnavailableError)
    bounds = [min(30.0, initial * multiplier**step) for step in range(7)]
    assert clock.slept == [share * bound for share, bound in zip(jitter, bounds, strict=True)]
