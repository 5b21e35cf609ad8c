"""What the SDK does that nobody expects, and what the product makes of it: one test for each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from shared.domain.errors import LeaseLostError, UnavailableError
from shared.domain.queues import QUEUES, SYNC_INBOUND_SCHEDULED, SYNC_OUTBOUND
from tests.contract.queue_steps import ids, next_session, outgoing, receive_one
from tests.doubles.servicebus import fast_sdk
from tests.doubles.servicebus.bench import AHEAD, QUICK_WAITS, Bench, service_bus_bench
from tests.fakes.clock import FakeClock

QUEUE = SYNC_INBOUND_SCHEDULED


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    fast_sdk.install(monkeypatch)
    async with service_bus_bench(FakeClock(AHEAD)) as bench:
        yield bench


async def test_an_idle_receiver_that_goes_on_gets_what_came_meanwhile(bench: Bench) -> None:
    """What Service Bus gave to an idle receiver is received by its next call, as the first delivery."""
    idle = await bench.source.open(QUEUE)
    assert not await idle.receive(5, wait_seconds=0)
    await bench.sender.send(QUEUE, [outgoing("one")])

    message = await receive_one(idle)

    assert (message.message_id, message.delivery_count) == ("one", 1)


async def test_an_idle_receiver_that_closes_gives_back_what_came_meanwhile(bench: Bench) -> None:
    """Closing hands a message that nobody has asked for to the next receiver at once, and uncounted."""
    idle = await bench.source.open(QUEUE)
    assert not await idle.receive(5, wait_seconds=0)
    await bench.sender.send(QUEUE, [outgoing("one")])
    await idle.close()

    message = await receive_one(await bench.source.open(QUEUE))

    assert (message.message_id, message.delivery_count) == ("one", 1)


async def test_a_lost_confirmation_of_complete_is_an_error_although_the_message_is_gone(bench: Bench) -> None:
    """Who completes and hears nothing is told that it failed; the message does not come again."""
    receiver = await bench.source.open(QUEUE)
    await bench.sender.send(QUEUE, [outgoing("one")])
    message = await receive_one(receiver)
    bench.broker.faults.drop_next("settle", QUEUE, "after")

    with pytest.raises((LeaseLostError, UnavailableError)):
        await receiver.complete(message)

    assert bench.broker.counters["completed", QUEUE] == 1
    assert not await (await bench.source.open(QUEUE)).receive(1, wait_seconds=0)


async def test_a_lost_send_acknowledgement_leaves_one_message(bench: Bench) -> None:
    """The SDK sends again what arrived already, and duplicate detection drops the copy."""
    await bench.sender.send(QUEUE, [outgoing("first")])
    bench.broker.faults.drop_next("send", QUEUE, "after")

    await bench.sender.send(QUEUE, [outgoing("one")])

    assert bench.broker.counters["duplicates", QUEUE] == 1
    assert sorted(ids(await (await bench.source.open(QUEUE)).receive(5, wait_seconds=0))) == ["first", "one"]


async def test_no_session_is_asked_for_once(bench: Bench) -> None:
    """Waiting for a session in vain costs the wait and nothing more: the SDK does not try again by itself."""
    assert await bench.source.open_next_session(SYNC_OUTBOUND, wait_seconds=0) is None

    assert bench.broker.counters["attached", SYNC_OUTBOUND] == 1


async def test_locks_shorter_than_three_seconds_can_be_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock of one second is renewed through the port, where the SDK's own renewer would come too late."""
    fast_sdk.install(monkeypatch)
    short = [type(queue)(queue.name, queue.priority, 60, lock_seconds=1) for queue in QUEUES.values()]
    async with service_bus_bench(FakeClock(AHEAD), queues=short) as bench:
        receiver = await bench.source.open(QUEUE)
        await bench.sender.send(QUEUE, [outgoing("one")])
        message = await receive_one(receiver)
        await bench.pass_time(0.9)

        assert await receiver.renew(message) == bench.clock.now() + timedelta(seconds=1)

        await bench.pass_time(0.9)
        await receiver.complete(message)
        assert bench.broker.counters["completed", QUEUE] == 1


async def test_a_life_under_a_second_is_one_second(bench: Bench) -> None:
    """A life that the SDK would take for none is rounded up to a second."""
    await bench.sender.send(QUEUE, [outgoing("short", time_to_live_seconds=0.2)])

    message = await receive_one(await bench.source.open(QUEUE))

    assert message.expires_at == message.enqueued_at + timedelta(seconds=1)


async def test_the_sdk_as_it_is_does_the_same() -> None:
    """Without its waits taken out, the SDK sends, receives, and hands out a session."""
    async with service_bus_bench(FakeClock(AHEAD), waits=QUICK_WAITS) as bench:
        await bench.sender.send(QUEUE, [outgoing("one")])
        await bench.sender.send(SYNC_OUTBOUND, [outgoing("a1", "a")])
        receiver, session = await bench.source.open(QUEUE), await next_session(bench.source, SYNC_OUTBOUND)

        await receiver.complete(await receive_one(receiver))
        await session.complete(await receive_one(session))

        assert bench.broker.counters["completed", QUEUE] == 1
        assert bench.broker.counters["completed", SYNC_OUTBOUND] == 1
