"""What every queue does, sessions aside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from shared.domain.errors import ConfigurationError, InvalidRequestError, LeaseLostError
from shared.domain.queues import QUEUES, SYNC_INBOUND_SCHEDULED, SYNC_INBOUND_WEBHOOK, SYNC_OUTBOUND
from shared.ports.queue import (
    MAX_MESSAGE_BYTES,
    MessageReceiver,
    MessageSender,
    MessageSource,
    OutgoingMessage,
    PropertyValue,
    ReceivedMessage,
)
from tests.contract.queue_steps import PassTime, dead_letters, ids, outgoing, receive_one
from tests.fakes.clock import FakeClock

pytest_plugins = ["tests.contract.queue_backends"]

QUEUE = QUEUES[SYNC_INBOUND_SCHEDULED]


async def test_a_message_arrives_whole(
    sender: MessageSender, source: MessageSource, queue_clock: FakeClock
) -> None:
    """What was sent is received, locked, with its ids, its properties in their own types, and its times."""
    properties: dict[str, PropertyValue] = {"priority": 2, "ratio": 0.5, "urgent": True, "kind": "€"}
    await sender.send(QUEUE.name, [OutgoingMessage(b"\x00 any bytes", "one", properties=properties)])

    message = await receive_one(await source.open(QUEUE.name))

    now = queue_clock.now()
    assert (message.body, message.message_id, message.session_id) == (b"\x00 any bytes", "one", None)
    assert dict(message.properties) == properties
    assert [type(value) for value in message.properties.values()] == [int, float, bool, str]
    assert (message.delivery_count, message.dead_letter_reason) == (1, None)
    assert message.enqueued_at == now
    assert message.expires_at == now + timedelta(seconds=QUEUE.time_to_live_seconds)
    assert message.locked_until == now + timedelta(seconds=QUEUE.lock_seconds)


async def test_messages_are_numbered_in_the_order_sent(sender: MessageSender, source: MessageSource) -> None:
    """Sequence numbers rise with every message, and a receiver gets no more than it asked for."""
    await sender.send(QUEUE.name, [outgoing("1"), outgoing("2")])
    await sender.send(QUEUE.name, [outgoing("3")])
    receiver = await source.open(QUEUE.name)

    messages = [*await receiver.receive(2, wait_seconds=0), *await receiver.receive(2, wait_seconds=0)]

    messages.sort(key=lambda message: message.sequence_number)
    assert ids(messages) == ["1", "2", "3"]
    assert len({message.sequence_number for message in messages}) == 3


async def test_nothing_there_is_an_empty_answer(source: MessageSource) -> None:
    """A receiver that may not wait gets nothing from an empty queue, at once."""
    receiver = await source.open(QUEUE.name)

    assert list(await receiver.receive(5, wait_seconds=0)) == []


async def test_a_locked_message_is_nobody_elses(sender: MessageSender, source: MessageSource) -> None:
    """While one receiver holds a message no other gets it, nor does the same one again."""
    await sender.send(QUEUE.name, [outgoing("one")])
    holder, other = await source.open(QUEUE.name), await source.open(QUEUE.name)
    await receive_one(holder)

    assert not await other.receive(1, wait_seconds=0)
    assert not await holder.receive(1, wait_seconds=0)


async def test_a_completed_message_is_gone(
    sender: MessageSender, source: MessageSource, pass_time: PassTime
) -> None:
    """Completing removes a message for good: neither the lock's end nor its expiry brings it back."""
    await sender.send(QUEUE.name, [outgoing("one")])
    receiver = await source.open(QUEUE.name)
    await receiver.complete(await receive_one(receiver))

    await pass_time(QUEUE.time_to_live_seconds)

    assert not await receiver.receive(1, wait_seconds=0)
    assert not await dead_letters(source, QUEUE.name)


async def test_an_abandoned_message_comes_again(sender: MessageSender, source: MessageSource) -> None:
    """Abandoning makes a message available at once, unchanged, and counts the delivery."""
    await sender.send(QUEUE.name, [outgoing("one")])
    receiver = await source.open(QUEUE.name)
    first = await receive_one(receiver)
    await receiver.abandon(first)

    again = await receive_one(receiver)

    assert (again.body, again.sequence_number) == (first.body, first.sequence_number)
    assert again.delivery_count == 2


Settle = Callable[[MessageReceiver, ReceivedMessage], Awaitable[object]]

SETTLEMENTS: dict[str, Settle] = {
    "complete": lambda receiver, message: receiver.complete(message),
    "abandon": lambda receiver, message: receiver.abandon(message),
    "dead_letter": lambda receiver, message: receiver.dead_letter(message, "Reason", "Description"),
    "renew": lambda receiver, message: receiver.renew(message),
}


@pytest.mark.parametrize("settlement", SETTLEMENTS)
async def test_a_lock_that_ran_out_is_lost(
    settlement: str, sender: MessageSender, source: MessageSource, pass_time: PassTime
) -> None:
    """After the lock period the message is another receiver's, and the first one can do nothing to it."""
    await sender.send(QUEUE.name, [outgoing("one")])
    slow, other = await source.open(QUEUE.name), await source.open(QUEUE.name)
    lost = await receive_one(slow)
    await pass_time(QUEUE.lock_seconds)
    taken_over = await receive_one(other)

    with pytest.raises(LeaseLostError):
        await SETTLEMENTS[settlement](slow, lost)

    assert taken_over.delivery_count == 2
    await other.complete(taken_over)


async def test_a_renewed_lock_lasts_another_period(
    sender: MessageSender, source: MessageSource, pass_time: PassTime, queue_clock: FakeClock
) -> None:
    """Renewing locks a message for a whole period from then on."""
    await sender.send(QUEUE.name, [outgoing("one")])
    holder, other = await source.open(QUEUE.name), await source.open(QUEUE.name)
    message = await receive_one(holder)
    await pass_time(QUEUE.lock_seconds - 60)

    until = await holder.renew(message)

    assert until == queue_clock.now() + timedelta(seconds=QUEUE.lock_seconds)
    await pass_time(QUEUE.lock_seconds - 60)
    assert not await other.receive(1, wait_seconds=0)
    await holder.complete(message)


async def test_closing_gives_back_what_is_not_settled(sender: MessageSender, source: MessageSource) -> None:
    """A closed receiver's messages are available at once, less what it completed. Closing twice is fine."""
    await sender.send(QUEUE.name, [outgoing("done"), outgoing("open")])
    receiver = await source.open(QUEUE.name)
    by_id = {message.message_id: message for message in await receiver.receive(2, wait_seconds=0)}
    await receiver.complete(by_id["done"])

    await receiver.close()
    await receiver.close()

    other = await source.open(QUEUE.name)
    assert ids(await other.receive(2, wait_seconds=0)) == ["open"]


async def test_a_scheduled_message_waits_for_its_time(
    sender: MessageSender, source: MessageSource, pass_time: PassTime, queue_clock: FakeClock
) -> None:
    """A scheduled message is delivered from its time on, and its life counts from then."""
    due = queue_clock.now() + timedelta(seconds=600)
    await sender.send(QUEUE.name, [outgoing("later", scheduled_at=due, time_to_live_seconds=60)])
    receiver = await source.open(QUEUE.name)
    await pass_time(599)
    assert not await receiver.receive(1, wait_seconds=0)
    await pass_time(1)

    message = await receive_one(receiver)

    assert (message.message_id, message.delivery_count) == ("later", 1)
    assert (message.enqueued_at, message.expires_at) == (due, due + timedelta(seconds=60))


async def test_a_time_in_the_past_means_now(
    sender: MessageSender, source: MessageSource, queue_clock: FakeClock
) -> None:
    """A message scheduled for a time that has passed is delivered at once, its whole life before it."""
    past = queue_clock.now() - timedelta(days=30)
    await sender.send(QUEUE.name, [outgoing("late", scheduled_at=past)])

    message = await receive_one(await source.open(QUEUE.name))

    assert message.expires_at == queue_clock.now() + timedelta(seconds=QUEUE.time_to_live_seconds)


async def test_a_repeated_id_is_dropped_within_the_window(
    sender: MessageSender, source: MessageSource, pass_time: PassTime
) -> None:
    """A second message with an id is dropped in silence while the window lasts, in the same send too."""
    await sender.send(QUEUE.name, [outgoing("one"), outgoing("one")])
    await pass_time(QUEUE.duplicate_detection_seconds - 1)
    await sender.send(QUEUE.name, [outgoing("one"), outgoing("two")])
    receiver = await source.open(QUEUE.name)

    assert sorted(ids(await receiver.receive(10, wait_seconds=0))) == ["one", "two"]


async def test_a_completed_id_is_remembered_as_long_as_the_window(
    sender: MessageSender, source: MessageSource, pass_time: PassTime
) -> None:
    """An id stays known after its message is completed, and is free again when the window has passed."""
    receiver = await source.open(QUEUE.name)
    await sender.send(QUEUE.name, [outgoing("one")])
    await receiver.complete(await receive_one(receiver))

    await sender.send(QUEUE.name, [outgoing("one")])
    assert not await receiver.receive(1, wait_seconds=0)

    await pass_time(QUEUE.duplicate_detection_seconds)
    await sender.send(QUEUE.name, [outgoing("one")])
    assert (await receive_one(receiver)).message_id == "one"


async def test_queues_are_apart(sender: MessageSender, source: MessageSource) -> None:
    """A message is received from its own queue only, and another queue knows nothing of its id."""
    await sender.send(QUEUE.name, [outgoing("one")])
    await sender.send(SYNC_INBOUND_WEBHOOK, [outgoing("one"), outgoing("two")])
    here, there = await source.open(QUEUE.name), await source.open(SYNC_INBOUND_WEBHOOK)

    assert ids(await here.receive(10, wait_seconds=0)) == ["one"]
    assert sorted(ids(await there.receive(10, wait_seconds=0))) == ["one", "two"]


async def test_a_waiting_receiver_gets_what_arrives(sender: MessageSender, source: MessageSource) -> None:
    """A receiver that waits returns with the message that is sent meanwhile."""
    receiver = await source.open(QUEUE.name)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(receiver.receive(1, wait_seconds=60))
        await _let_it_look(source)
        await sender.send(QUEUE.name, [outgoing("one")])

    assert ids(waiting.result()) == ["one"]


async def test_a_cancelled_receiver_takes_nothing_along(sender: MessageSender, source: MessageSource) -> None:
    """A message that arrives after a waiting receiver was cancelled and closed goes to another one."""
    cancelled, other = await source.open(QUEUE.name), await source.open(QUEUE.name)
    waiting = asyncio.create_task(cancelled.receive(1, wait_seconds=60))
    await _let_it_look(source)
    waiting.cancel()
    await asyncio.wait([waiting])
    await cancelled.close()

    await sender.send(QUEUE.name, [outgoing("one")])

    assert waiting.cancelled()
    assert (await receive_one(other)).message_id == "one"


async def test_the_largest_message_goes_through(sender: MessageSender, source: MessageSource) -> None:
    """A body that fills the limit, less a kilobyte for the id and the wire's fields, is delivered whole."""
    body = b"x" * (MAX_MESSAGE_BYTES - 1024)
    await sender.send(QUEUE.name, [OutgoingMessage(body, "i" * 128)])

    assert (await receive_one(await source.open(QUEUE.name))).body == body


INVALID = {
    "no id": OutgoingMessage(b"", ""),
    "too long an id": OutgoingMessage(b"", "i" * 129),
    "too large": OutgoingMessage(b"x" * MAX_MESSAGE_BYTES, "large"),
    "too large with its properties": OutgoingMessage(b"", "large", properties={"p": "é" * MAX_MESSAGE_BYTES}),
    "a session where there are none": outgoing("one", "session"),
    "no time zone": outgoing("one", scheduled_at=FakeClock().now().replace(tzinfo=None)),
    "no life": outgoing("one", time_to_live_seconds=0),
}


@pytest.mark.parametrize("invalid", INVALID)
async def test_an_invalid_message_is_refused(
    invalid: str, sender: MessageSender, source: MessageSource
) -> None:
    """A message that breaks a limit is refused by name, and nothing of its batch is sent."""
    with pytest.raises(InvalidRequestError) as refused:
        await sender.send(QUEUE.name, [outgoing("good"), INVALID[invalid]])

    assert [problem.field.startswith("messages.1.") for problem in refused.value.problems] == [True]
    assert not await (await source.open(QUEUE.name)).receive(1, wait_seconds=0)


async def test_a_queue_that_is_not_declared_is_refused(sender: MessageSender, source: MessageSource) -> None:
    """Sending to or opening a queue that is not declared is a mistake in the configuration."""
    with pytest.raises(ConfigurationError):
        await sender.send("no-such-queue", [outgoing("one")])
    with pytest.raises(ConfigurationError):
        await source.open("no-such-queue", dead_letter=True)
    with pytest.raises(ConfigurationError):
        await source.open_next_session("no-such-queue", wait_seconds=0)


async def test_sessions_and_queues_are_opened_each_their_own_way(source: MessageSource) -> None:
    """A queue with sessions is opened by session, and a queue without has none to open."""
    with pytest.raises(ConfigurationError):
        await source.open(SYNC_OUTBOUND)
    with pytest.raises(ConfigurationError):
        await source.open_next_session(QUEUE.name, wait_seconds=0)


async def _let_it_look(source: MessageSource) -> None:
    """Go once to the queue and back, behind a receiver that has just begun to wait."""
    await (await source.open(SYNC_INBOUND_WEBHOOK)).receive(1, wait_seconds=0)
