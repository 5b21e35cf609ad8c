"""Requests in line: never too many, in their order, none for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import ThrottledError
from shared.resilience.rate_limit import RateLimiter, RateLimiters, RateLimits
from shared.resilience.rate_window import Rate
from tests.fakes.clock import FakeClock, ManualClock

STEP_SECONDS = 0.125


@dataclass(frozen=True)
class Visitor:
    """Somebody who arrives, and perhaps goes away again before it's their turn."""

    arrives: float
    leaves: float = float("inf")


def limiter(clock: FakeClock, *rates: Rate, concurrent: int | None = None) -> RateLimiter:
    return RateLimiter("things/acme/i1", RateLimits(rates, concurrent), clock)


async def refusal(line: RateLimiter) -> ThrottledError:
    with pytest.raises(ThrottledError) as caught:
        async with line.turn():
            pass
    return caught.value


async def moment_of_turn(line: RateLimiter, clock: FakeClock) -> float:
    async with line.turn():
        return clock.monotonic()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def moments(visitors: Sequence[Visitor], rates: Sequence[Rate]) -> list[tuple[int, float]]:
    """Return who was let through and when, in the order in which it happened."""
    clock = ManualClock()
    line = limiter(clock, *rates)
    let_through: list[tuple[int, float]] = []

    async def visit(number: int) -> None:
        async with line.turn():
            let_through.append((number, clock.monotonic()))

    tasks: dict[int, asyncio.Task[None]] = {}
    while len(tasks) < len(visitors) or not all(task.done() for task in tasks.values()):
        for number, visitor in enumerate(visitors):
            if visitor.arrives == clock.monotonic():
                tasks[number] = asyncio.create_task(visit(number))
            elif visitor.leaves == clock.monotonic():
                tasks[number].cancel()
        await settled()
        clock.advance(STEP_SECONDS)
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    return let_through


def expected(visitors: Sequence[Visitor], rates: Sequence[Rate]) -> list[tuple[int, float]]:
    """Say the same in arithmetic: as soon as every window has room, and nobody before who came earlier."""
    let_through: list[tuple[int, float]] = []
    for number, visitor in enumerate(visitors):
        times = [moment for _, moment in let_through]
        room = [times[-rate.limit] + rate.seconds for rate in rates if rate.limit <= len(times)]
        moment = max([visitor.arrives, *times[-1:], *room])
        if moment < visitor.leaves:
            let_through.append((number, moment))
    return let_through


def eighths(least: int, most: int) -> st.SearchStrategy[float]:
    return st.integers(least, most).map(lambda count: count / 4)


GAPS = st.lists(st.tuples(eighths(0, 6), st.none() | eighths(0, 20)), min_size=1, max_size=25)
RATES = st.lists(st.builds(Rate, st.integers(1, 6), eighths(1, 12)), min_size=1, max_size=3)


@given(gaps=GAPS, rates=RATES)
async def test_everybody_is_let_through_in_order_as_soon_as_all_windows_allow(
    gaps: list[tuple[float, float | None]], rates: list[Rate]
) -> None:
    """No window ever has more than its limit, nobody waits for nothing, and who leaves leaves no hole."""
    visitors: list[Visitor] = []
    now = 0.0
    for gap, patience in gaps:
        now += gap
        leaves = float("inf") if patience is None else now + patience + STEP_SECONDS
        visitors.append(Visitor(now, leaves))
    assert await moments(visitors, rates) == expected(visitors, rates)


@given(limit=st.integers(101, 400), gaps=st.lists(st.floats(0, 0.2), min_size=1, max_size=20))
async def test_large_limits_are_kept_too(limit: int, gaps: list[float]) -> None:
    """Counting in marks lets nobody through too early."""
    clock = FakeClock()
    line = limiter(clock, Rate(limit, 10.0))
    times: list[float] = []
    for gap in islice(cycle(gaps), 600):
        clock.advance(gap)
        times.append(await moment_of_turn(line, clock))
    spans = [later - earlier for earlier, later in zip(times, times[limit:], strict=False)]
    assert min(spans) >= 10.0 - 1e-9


async def test_large_limits_are_used_up() -> None:
    """Counting in marks costs no more than a hundredth of the rate."""
    clock = FakeClock()
    line = limiter(clock, Rate(200, 10.0))
    for _ in range(1000):
        clock.advance(0.01)
        await moment_of_turn(line, clock)
    assert 40.0 <= clock.monotonic() <= 40.0 + 2.0 + 4 * 0.1


async def test_without_limits_nobody_waits() -> None:
    """A provider that declares nothing is asked as fast as it answers."""
    clock = FakeClock()
    line = limiter(clock)
    for _ in range(1000):
        async with line.turn():
            pass
    assert clock.slept == []


async def test_a_wait_of_more_than_five_minutes_is_refused_at_once() -> None:
    """What can be foreseen on arrival holds up no worker; the error tells how long it takes."""
    clock = FakeClock()
    line = limiter(clock, Rate(1, 3600.0))
    async with line.turn():
        pass
    clock.advance(600)
    assert (await refusal(line)).retry_after_seconds == 3000.0
    assert clock.slept == []
    clock.advance(2700)
    async with line.turn():
        assert clock.slept == [300.0]


async def test_those_ahead_in_line_count_as_a_wait() -> None:
    """At two a minute, the thirteenth would wait for six minutes, and is told so."""
    clock = ManualClock()
    line = limiter(clock, Rate(2, 60.0))
    waiting = [asyncio.create_task(moment_of_turn(line, clock)) for _ in range(12)]
    await settled()
    assert (await refusal(line)).retry_after_seconds == 360.0
    for _ in range(5):
        clock.advance(60)
        await settled()
    assert [await task for task in waiting] == [0, 0, 60, 60, 120, 120, 180, 180, 240, 240, 300, 300]


async def test_nobody_overtakes_one_whose_timer_is_late() -> None:
    """Room that is there already belongs to the first in line, though they still sleep."""
    clock = ManualClock()
    line = limiter(clock, Rate(1, 10.0))
    await moment_of_turn(line, clock)
    first = asyncio.create_task(moment_of_turn(line, clock))
    await settled()
    FakeClock.advance(clock, 12)  # the time moves, and nobody is woken yet
    second = asyncio.create_task(moment_of_turn(line, clock))
    await settled()
    for _ in range(2):
        clock.advance(10)
        await settled()
    assert (await first, await second) == (22.0, 32.0)


async def test_a_pause_holds_up_everybody() -> None:
    """A pause that comes while somebody sleeps holds for them too; a shorter one takes nothing back."""
    clock = ManualClock()
    line = limiter(clock, Rate(1, 10.0))
    async with line.turn():
        line.pause(5)
    waiter = asyncio.create_task(moment_of_turn(line, clock))
    await settled()
    line.pause(30)
    line.pause(1)
    for _ in range(6):
        clock.advance(5)
        await settled()
    assert await waiter == 30.0


async def test_a_long_pause_refuses_whoever_sleeps() -> None:
    """Somebody who waits for a window learns at its end that it's no use."""
    clock = ManualClock()
    line = limiter(clock, Rate(1, 10.0))
    async with line.turn():
        pass
    waiter = asyncio.create_task(refusal(line))
    await settled()
    line.pause(3600)
    clock.advance(10)
    assert (await waiter).retry_after_seconds == 3600.0


async def test_no_more_than_so_many_run_at_once() -> None:
    """The next one starts when one is through, however it ended, and in the order in which they came."""
    line = limiter(FakeClock(), concurrent=2)
    started: list[int] = []
    gates = [asyncio.get_running_loop().create_future() for _ in range(4)]

    async def run(number: int) -> None:
        async with line.turn():
            started.append(number)
            await gates[number]

    tasks = [asyncio.create_task(run(number)) for number in range(4)]
    await settled()
    assert started == [0, 1]
    tasks[0].cancel()
    await settled()
    assert started == [0, 1, 2]
    gates[1].set_exception(ThrottledError("no"))
    await settled()
    assert started == [0, 1, 2, 3]
    for gate in gates[2:]:
        gate.set_result(None)
    with suppress(ThrottledError):
        await tasks[1]
    await asyncio.gather(*tasks[2:])


async def test_cancelled_and_refused_ones_give_their_place_back() -> None:
    """Who leaves before their turn holds none of the concurrent places."""
    clock = ManualClock()
    line = limiter(clock, Rate(1, 10.0), concurrent=1)
    async with line.turn():
        pass
    for _ in range(3):
        waiter = asyncio.create_task(moment_of_turn(line, clock))
        await settled()
        waiter.cancel()
        await settled()
    last = asyncio.create_task(moment_of_turn(line, clock))
    await settled()
    clock.advance(10)
    assert await last == 10.0


async def test_a_key_stands_for_one_limiter() -> None:
    """Two adapters of one integration share what they may do; another integration has its own."""
    limiters = RateLimiters(FakeClock())
    limits = RateLimits((Rate(1, 60.0),))
    first = limiters.of(("things", "acme", "i1"), limits)
    assert limiters.of(("things", "acme", "i1"), RateLimits((Rate(1, 60.0),))) is first
    assert limiters.of(("things", "acme", "i2"), limits) is not first
    changed = limiters.of(("things", "acme", "i1"), RateLimits((Rate(2, 60.0),)))
    assert changed is not first
    assert limiters.of(("things", "acme", "i1"), RateLimits((Rate(2, 60.0),))) is changed


async def test_idle_limiters_are_forgotten_and_busy_ones_are_not() -> None:
    """However many integrations a process sees, it keeps those that count something."""
    clock = FakeClock()
    limiters = RateLimiters(clock)
    limits = RateLimits((Rate(5, 3600.0),))
    used, running, paused = (limiters.of((name,), limits) for name in ("used", "running", "paused"))
    idle = limiters.of(("idle",), limits)
    paused.pause(60)
    async with used.turn():
        pass
    async with running.turn():
        for number in range(2000):
            limiters.of((str(number),), RateLimits())
        assert limiters.of(("running",), limits) is running
    assert limiters.of(("used",), limits) is used
    assert limiters.of(("paused",), limits) is paused
    assert limiters.of(("idle",), limits) is not idle


def test_a_refusal_names_who_is_limited() -> None:
    """Provider, tenant and integration stand in the message."""
    line = limiter(FakeClock())
    line.pause(400)
    assert str(asyncio.run(refusal(line))) == (
        "The rate limit of things/acme/i1 has no room for 400 s; try again then."
    )
