from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import azure.functions as func
import pytest
from azure.functions import FunctionApp

from devhost.errors import StartupError
from tests.fakes.clock import FakeClock
from tests.unit.devhost.running import ADMIN_KEY, FUNCTION_KEY, make_host, running

NEVER = "0 0 0 1 1 *"


@dataclass
class Ticks:
    """A timer function that notes when it ran; `seconds` is how long it takes by the test's clock."""

    clock: FakeClock
    enough: int
    seconds: float = 0.0
    at: list[datetime] = field(default_factory=list)
    past_due: list[bool] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self, schedule: str, *, run_on_startup: bool = False) -> FunctionApp:
        app = FunctionApp()

        @app.timer_trigger(arg_name="timer", schedule=schedule, run_on_startup=run_on_startup)
        async def tick(timer: func.TimerRequest) -> None:
            self.at.append(self.clock.now())
            self.past_due.append(timer.past_due)
            self.clock.advance(self.seconds)
            if len(self.at) >= self.enough:
                self.done.set()
                await asyncio.Event().wait()

        return app


async def _run(ticks: Ticks, app: FunctionApp) -> list[float]:
    """Return the seconds after the start at which the timer ran."""
    start = ticks.clock.now()
    async with running(make_host(app, clock=ticks.clock), grace_seconds=0.0):
        await ticks.done.wait()
    return [(moment - start).total_seconds() for moment in ticks.at[: ticks.enough]]


async def test_a_timer_runs_by_its_schedule() -> None:
    """It runs at each time of the schedule, however far off, and at no other."""
    ticks = Ticks(FakeClock(), enough=3)
    assert await _run(ticks, ticks.app("0 */10 * * * *")) == [600.0, 1_200.0, 1_800.0]
    assert ticks.past_due == [False] * 3


async def test_run_on_startup_runs_at_once() -> None:
    """With run_on_startup the first run does not wait for the schedule."""
    ticks = Ticks(FakeClock(), enough=2)
    assert await _run(ticks, ticks.app("00:01:00", run_on_startup=True)) == [0.0, 60.0]


async def test_times_that_pass_during_a_run_are_skipped() -> None:
    """A run longer than the interval delays the next one to the next time in the future; none overlap."""
    ticks = Ticks(FakeClock(), enough=3, seconds=25.0)
    assert await _run(ticks, ticks.app("*/10 * * * * *")) == [10.0, 40.0, 70.0]


class OversleepingClock(FakeClock):
    """Wakes up much too late, like a laptop that was shut."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + 3_600)


async def test_a_missed_time_is_past_due() -> None:
    """A run whose following time has come as well is told that it is past due."""
    ticks = Ticks(OversleepingClock(), enough=1)
    await _run(ticks, ticks.app("0 */10 * * * *"))
    assert ticks.past_due == [True]


async def test_a_failing_timer_keeps_its_schedule() -> None:
    """An exception ends one run, not the timer."""
    clock, runs, done = FakeClock(), 0, asyncio.Event()
    app = FunctionApp()

    @app.timer_trigger(arg_name="timer", schedule="00:00:01")
    def fail(timer: func.TimerRequest) -> None:
        del timer
        nonlocal runs
        runs += 1
        if runs == 3:
            loop.call_soon_threadsafe(done.set)
        raise ValueError("again")

    loop = asyncio.get_running_loop()
    async with running(make_host(app, clock=clock)):
        await done.wait()
    assert runs >= 3


async def test_the_timer_request_tells_its_status() -> None:
    """Schedule and status have the keys that the Azure host sends."""
    seen: list[Any] = []
    done = asyncio.Event()
    app = FunctionApp()

    @app.timer_trigger(arg_name="timer", schedule=NEVER, run_on_startup=True)
    async def look(timer: func.TimerRequest) -> None:
        seen.append(timer)
        done.set()
        await asyncio.Event().wait()

    async with running(make_host(app, clock=FakeClock(datetime(2026, 5, 1, tzinfo=UTC))), grace_seconds=0.0):
        await done.wait()
    status = seen[0].schedule_status
    assert seen[0].schedule == {"AdjustForDST": True}
    assert set(status) == {"Last", "Next", "LastUpdated"}
    assert datetime.fromisoformat(status["Next"]) == datetime(2027, 1, 1, tzinfo=UTC)


async def test_the_admin_route_runs_a_timer_now() -> None:
    """POST /admin/functions/{name} with the admin key answers 202 and runs the timer, once at a time."""
    app = FunctionApp()
    begun: asyncio.Queue[int] = asyncio.Queue()
    release = asyncio.Semaphore(0)
    under_way = 0

    @app.function_name("Nightly")
    @app.timer_trigger(arg_name="timer", schedule=NEVER)
    async def nightly(timer: func.TimerRequest) -> None:
        del timer
        nonlocal under_way
        under_way += 1
        begun.put_nowait(under_way)
        await release.acquire()
        under_way -= 1

    clock = StandingClock()
    async with running(make_host(app, clock=clock)) as url, aiohttp.ClientSession() as client:
        for _ in range(2):
            async with client.post(
                f"{url}/admin/functions/nightly", headers={"x-functions-key": ADMIN_KEY}
            ) as response:
                assert (response.status, await response.read()) == (202, b"")
        for _ in range(2):
            assert await begun.get() == 1
            release.release()


class StandingClock(FakeClock):
    """Nothing ever comes due."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("method", "name", "key", "status"),
    [
        ("POST", "Nightly", None, 401),
        ("POST", "Nightly", FUNCTION_KEY, 401),
        ("POST", "Nothing", ADMIN_KEY, 404),
        ("POST", "Nothing", None, 401),
        ("GET", "Nightly", ADMIN_KEY, 405),
    ],
)
async def test_the_admin_route_is_the_admins_only(
    method: str, name: str, key: str | None, status: int
) -> None:
    """Without the admin key nobody learns which timers there are."""
    app = FunctionApp()

    @app.function_name("Nightly")
    @app.timer_trigger(arg_name="timer", schedule=NEVER)
    def nightly(timer: func.TimerRequest) -> None: ...

    headers = {"x-functions-key": key} if key else {}
    async with running(make_host(app, clock=StandingClock())) as url, aiohttp.ClientSession() as client:
        response = await client.request(method, f"{url}/admin/functions/{name}", headers=headers)
        assert response.status == status


async def test_a_stop_lets_the_run_in_hand_finish() -> None:
    """A stop waits for the timer that is running, and starts no other."""
    app = FunctionApp()
    begun, release = asyncio.Event(), asyncio.Event()
    finished: list[bool] = []

    @app.timer_trigger(arg_name="timer", schedule="00:00:01")
    async def slow(timer: func.TimerRequest) -> None:
        del timer
        begun.set()
        await release.wait()
        finished.append(True)

    host = make_host(app, clock=FakeClock())
    await host.start("127.0.0.1", 0, 60)
    await begun.wait()
    stopping = asyncio.create_task(host.stop(60))
    release.set()
    await stopping
    assert finished == [True]


def test_wrong_schedules_stop_the_start() -> None:
    """All functions with a schedule that can't be are named at once."""
    app = FunctionApp()

    @app.timer_trigger(arg_name="timer", schedule="* * * * *")
    def one(timer: func.TimerRequest) -> None: ...

    @app.timer_trigger(arg_name="timer", schedule="25:00:00")
    def two(timer: func.TimerRequest) -> None: ...

    with pytest.raises(StartupError, match=r"(?s)'one'.*'two'"):
        make_host(app)
