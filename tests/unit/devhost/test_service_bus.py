from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import azure.functions as func
import pytest
from azure.functions import FunctionApp

from devhost.host import Host
from devhost.indexing import index
from shared.domain.errors import UnavailableError
from tests.fakes.clock import FakeClock
from tests.fakes.message_source import FakeMessageSource
from tests.unit.devhost.running import KEYS, make_host, running, settings

Work = Callable[[func.ServiceBusMessage], Awaitable[None]]
LOCK_SECONDS = 300.0


class StandingClock(FakeClock):
    """Time passes only when the test says so; who sleeps, sleeps on."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.Event().wait()


def _app(work: Work, queue: str = "work", *, sessions: bool = False) -> FunctionApp:
    app = FunctionApp()

    @app.service_bus_queue_trigger(
        arg_name="message", queue_name=queue, connection="C", is_sessions_enabled=sessions, data_type="binary"
    )
    async def handle(message: func.ServiceBusMessage) -> None:
        await work(message)

    return app


def _host(source: FakeMessageSource, app: FunctionApp, **service_bus: object) -> Host:
    return make_host(
        app, source=source, clock=source.clock, host_json=settings(extensions={"serviceBus": service_bus})
    )


@pytest.fixture
def source() -> FakeMessageSource:
    return FakeMessageSource(StandingClock(), LOCK_SECONDS)


async def _nothing(message: func.ServiceBusMessage) -> None:
    del message


async def test_success_completes_the_message(source: FakeMessageSource) -> None:
    """A function that returns has done its message's work."""
    async with running(_host(source, _app(_nothing))):
        await source.add("work", "m1")
        await source.until(lambda: source.completed == ["m1"])
    assert source.abandoned == []


async def test_an_exception_gives_the_message_back(source: FakeMessageSource) -> None:
    """A function that raises gets the message again, with the count of deliveries."""
    counts: list[int | None] = []

    async def fail_once(message: func.ServiceBusMessage) -> None:
        counts.append(message.delivery_count)
        if len(counts) == 1:
            raise ValueError("not yet")

    async with running(_host(source, _app(fail_once))):
        await source.add("work", "m1")
        await source.until(lambda: source.completed == ["m1"])
    assert (source.abandoned, counts) == (["m1"], [1, 2])


async def test_functions_on_threads_settle_too(source: FakeMessageSource) -> None:
    """A sync function's message is completed when its thread is done."""
    app = FunctionApp()

    @app.service_bus_queue_trigger(arg_name="m", queue_name="work", connection="C", data_type="binary")
    def work(m: func.ServiceBusMessage) -> None: ...

    async with running(_host(source, app)):
        await source.add("work", "m1")
        await source.until(lambda: source.completed == ["m1"])


async def test_metadata_is_what_the_azure_host_sends(source: FakeMessageSource) -> None:
    """Ids, counts, naive UTC times and properties are there; what Azure does not send is None."""
    seen: list[func.ServiceBusMessage] = []

    async def look(message: func.ServiceBusMessage) -> None:
        seen.append(message)

    body = b'{"messageId": "not mine"}\xff'
    async with running(_host(source, _app(look))):
        await source.add("work", "m1", body, properties={"tenant": "acme", "attempt": 2})
        await source.until(lambda: source.completed == ["m1"])
    (message,) = seen
    now = source.clock.now().replace(tzinfo=None)
    assert message.get_body() == body
    assert (message.message_id, message.sequence_number, message.delivery_count) == ("m1", 1, 1)
    assert message.lock_token == "m1-1"
    assert message.application_properties == message.user_properties == {"tenant": "acme", "attempt": 2}
    assert message.enqueued_time_utc == now
    assert message.expires_at_utc == now + timedelta(days=14)
    absent = [message.session_id, message.locked_until, message.correlation_id, message.dead_letter_reason]
    assert absent == [None] * 4


async def test_a_dead_letter_brings_its_reason_among_the_properties(source: FakeMessageSource) -> None:
    """As in Azure the reason is an application property and not metadata."""
    seen: list[func.ServiceBusMessage] = []

    async def look(message: func.ServiceBusMessage) -> None:
        seen.append(message)

    async with running(_host(source, _app(look, "work/$DeadLetterQueue", sessions=True))):
        await source.add("work", "m1", dead_letter=True, dead_letter_reason="MaxDeliveryCountExceeded")
        await source.until(lambda: source.completed == ["m1"])
    assert source.opened == [("work", True)]
    assert seen[0].dead_letter_reason is None
    assert seen[0].application_properties == {"DeadLetterReason": "MaxDeliveryCountExceeded"}


async def test_no_more_messages_are_locked_than_calls_are_free(source: FakeMessageSource) -> None:
    """With three calls at a time, ten messages are never more than three in hand, whichever ends first."""
    release = asyncio.Semaphore(0)
    begun = 0

    async def hold(message: func.ServiceBusMessage) -> None:
        nonlocal begun
        del message
        begun += 1
        await source.changed()
        await release.acquire()

    for number in range(10):
        await source.add("work", f"m{number}")
    async with running(_host(source, _app(hold), maxConcurrentCalls=3)):
        for expected in range(3, 11):
            await source.until(lambda: begun == expected)  # noqa: B023 - awaited within the same turn
            release.release()
        release.release()
        release.release()
        await source.until(lambda: len(source.completed) == 10)
    assert source.most_locked == 3


async def test_a_returned_value_is_a_failure(source: FakeMessageSource) -> None:
    """As in the worker, a function without a return binding may not return anything."""
    app = FunctionApp()
    returned: list[str | None] = ["a value", None]

    @app.service_bus_queue_trigger(arg_name="m", queue_name="work", connection="C", data_type="binary")
    async def work(m: func.ServiceBusMessage) -> str | None:
        del m
        return returned.pop(0)

    async with running(_host(source, app)):
        await source.add("work", "m1")
        await source.until(lambda: source.completed == ["m1"])
    assert source.abandoned == ["m1"]


async def test_the_lock_is_renewed_while_the_function_works() -> None:
    """A lock is renewed before half of it is gone, until the longest renewal is over."""
    clock = FakeClock()
    source = FakeMessageSource(clock, LOCK_SECONDS)
    release = asyncio.Event()

    async def work(message: func.ServiceBusMessage) -> None:
        del message
        await release.wait()

    start = clock.now()
    async with running(_host(source, _app(work), maxAutoLockRenewalDuration="00:10:00")):
        await source.add("work", "m1")
        await source.until(lambda: len(source.renewed_at) == 4)
        release.set()
        await source.until(lambda: source.completed == ["m1"])
    moments = [(moment - start).total_seconds() for moment in source.renewed_at]
    assert moments == [125.0, 250.0, 375.0, 500.0]  # 5/12 of 300 s, for a random number of 0.5


async def test_renewal_survives_a_failing_backend() -> None:
    """A renewal that fails is tried again while the lock lasts."""
    source = FakeMessageSource(FakeClock(), LOCK_SECONDS)
    release = asyncio.Event()

    async def work(message: func.ServiceBusMessage) -> None:
        del message
        source.failures.extend([UnavailableError("down"), ValueError("bug")])
        await release.wait()

    async with running(_host(source, _app(work), maxConcurrentCalls=1)):
        await source.add("work", "m1")
        await source.until(lambda: bool(source.renewed_at))
        release.set()
        await source.until(lambda: source.completed == ["m1"])


async def test_a_lost_lock_is_logged_and_the_next_message_comes(
    source: FakeMessageSource, caplog: pytest.LogCaptureFixture
) -> None:
    """Completing a message whose lock ran out is no failure of the host."""
    source.lost.add("m1")
    with caplog.at_level(logging.WARNING, "devhost"):
        async with running(_host(source, _app(_nothing))):
            await source.add("work", "m1")
            await source.add("work", "m2")
            await source.until(lambda: source.completed == ["m2"])
    assert "m1 lost its lock" in caplog.text


async def test_a_failing_backend_is_asked_again_after_growing_pauses() -> None:
    """Opening and receiving go on after errors; pauses double, or are as long as asked."""
    clock = FakeClock()
    source = FakeMessageSource(clock, LOCK_SECONDS)
    source.failures.extend(
        [UnavailableError("down"), ValueError("bug"), UnavailableError("busy", retry_after_seconds=30)]
    )
    await source.add("work", "m1")
    async with running(_host(source, _app(_nothing))):
        await source.until(lambda: source.completed == ["m1"])
    assert clock.slept[:3] == [0.75, 1.5, 30.0]  # 1, 2 and 4 s less a quarter, for a random number of 0.5


async def test_a_session_is_handled_in_order_and_released(source: FakeMessageSource) -> None:
    """The messages of one session come one after another, and an idle session is let go."""
    seen: list[str | None] = []
    under_way = 0

    async def work(message: func.ServiceBusMessage) -> None:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        await asyncio.sleep(0)
        seen.append(message.session_id)
        under_way -= 1

    for number in range(5):
        await source.add("work", f"m{number}", session_id="a")
    async with running(_host(source, _app(work, sessions=True))):
        await source.until(lambda: source.closed == ["a"])
    assert source.completed == ["m0", "m1", "m2", "m3", "m4"]
    assert (seen, source.most_locked) == (["a"] * 5, 1)


async def test_a_failed_message_keeps_its_place_in_the_session(source: FakeMessageSource) -> None:
    """A message that failed comes again before those behind it."""
    attempts: list[str] = []

    async def fail_once(message: func.ServiceBusMessage) -> None:
        attempts.append(message.message_id)
        if len(attempts) == 1:
            raise ValueError("not yet")

    for name in ("m1", "m2"):
        await source.add("work", name, session_id="a")
    async with running(_host(source, _app(fail_once, sessions=True))):
        await source.until(lambda: source.completed == ["m1", "m2"])
    assert attempts == ["m1", "m1", "m2"]


async def test_sessions_run_side_by_side_up_to_their_limit(source: FakeMessageSource) -> None:
    """With two sessions at a time, a third waits until one is released."""
    release = asyncio.Event()
    begun: list[str | None] = []

    async def hold(message: func.ServiceBusMessage) -> None:
        begun.append(message.session_id)
        await source.changed()
        await release.wait()

    for session in ("a", "b", "c"):
        await source.add("work", f"m-{session}", session_id=session)
    async with running(_host(source, _app(hold, sessions=True), maxConcurrentSessions=2)):
        await source.until(lambda: len(begun) == 2)
        release.set()
        await source.until(lambda: len(source.completed) == 3)
    assert source.most_locked == 2


async def test_a_session_whose_lock_is_lost_is_let_go(source: FakeMessageSource) -> None:
    """After a lost lock nothing more is read from that receiver: another host may have the session."""
    source.lost.add("m1")
    await source.add("work", "m1", session_id="a")
    await source.add("work", "m2", session_id="a")
    async with running(_host(source, _app(_nothing, sessions=True))):
        await source.until(lambda: source.completed == ["m2"])
    assert source.opened == [("work/a", False), ("work/a", False)]


async def test_a_stop_finishes_what_is_in_hand_and_takes_nothing_new(source: FakeMessageSource) -> None:
    """Messages being handled when the stop comes are completed; the next one stays in the queue."""
    begun, release = asyncio.Event(), asyncio.Event()

    async def slow(message: func.ServiceBusMessage) -> None:
        del message
        begun.set()
        await release.wait()

    host = _host(source, _app(slow), maxConcurrentCalls=1)
    await host.start("127.0.0.1", 0, 60)
    await source.add("work", "m1")
    await source.add("work", "m2")
    await begun.wait()
    stopping = asyncio.create_task(host.stop(60))
    release.set()
    await stopping
    assert (source.completed, source.abandoned, source.closed) == (["m1"], [], [None])


@pytest.mark.parametrize("session", [None, "a"])
async def test_a_stop_gives_back_what_does_not_finish(source: FakeMessageSource, session: str | None) -> None:
    """After the grace period a message in hand is cancelled and given back, and the receiver is closed."""
    begun = asyncio.Event()

    async def endless(message: func.ServiceBusMessage) -> None:
        del message
        begun.set()
        await asyncio.Event().wait()

    host = _host(source, _app(endless, sessions=session is not None))
    await host.start("127.0.0.1", 0, 0)
    await source.add("work", "m1", session_id=session)
    await begun.wait()
    await host.stop(0)
    assert (source.completed, source.abandoned, source.closed) == ([], ["m1"], [session])


async def test_a_stop_does_not_wait_for_an_idle_session(source: FakeMessageSource) -> None:
    """A session that waits for its next message is let go at once when the stop comes."""
    source.idle = False
    host = _host(source, _app(_nothing, sessions=True))
    await host.start("127.0.0.1", 0, 60)
    await source.add("work", "m1", session_id="a")
    await source.until(lambda: source.completed == ["m1"])
    await host.stop(60)
    assert source.closed == ["a"]


async def test_a_broken_session_is_released_and_taken_again() -> None:
    """An error while receiving from a session lets it go after a pause; its messages are not lost."""
    source = FakeMessageSource(FakeClock(), LOCK_SECONDS)

    async def break_next(message: func.ServiceBusMessage) -> None:
        if message.message_id == "m1":
            source.failures.append(UnavailableError("connection lost"))

    await source.add("work", "m1", session_id="a")
    await source.add("work", "m2", session_id="a")
    async with running(_host(source, _app(break_next, sessions=True))):
        await source.until(lambda: source.completed == ["m1", "m2"])
    assert source.opened == [("work/a", False), ("work/a", False)]


async def test_a_host_without_queues_opens_no_source() -> None:
    """An app without Service Bus functions does not start the queue backend."""
    app = FunctionApp()

    @app.route(route="x")
    def x(req: func.HttpRequest) -> str:
        del req
        return ""

    async def no_source() -> FakeMessageSource:
        raise AssertionError("nobody needs it")

    clock = StandingClock()
    async with running(Host(index(app, {}), settings(), KEYS, no_source, clock, lambda: 0.5)) as url:
        assert url.startswith("http://127.0.0.1:")
