"""What every queue with sessions does."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from shared.domain.errors import InvalidRequestError, LeaseLostError
from shared.domain.queues import QUEUES, SYNC_OUTBOUND
from shared.ports.queue import MessageSender, MessageSource, OutgoingMessage
from tests.contract.queue_steps import PassTime, dead_letters, ids, next_session, outgoing, receive_one
from tests.fakes.clock import FakeClock

pytest_plugins = ["tests.contract.queue_backends"]

QUEUE = QUEUES[SYNC_OUTBOUND]


async def test_a_session_is_received_in_order(sender: MessageSender, source: MessageSource) -> None:
    """A session's receiver gets the messages of that session only, in the order they were sent."""
    await sender.send(QUEUE.name, [outgoing("a1", "a"), outgoing("a2", "a"), outgoing("a3", "a")])
    receiver = await next_session(source, QUEUE.name)
    await sender.send(QUEUE.name, [outgoing("b1", "b"), outgoing("a4", "a")])

    received = [message for _ in range(5) for message in await receiver.receive(1, wait_seconds=0)]

    assert ids(received) == ["a1", "a2", "a3", "a4"]
    assert {message.session_id for message in received} == {"a"}


async def test_a_session_has_one_holder(sender: MessageSender, source: MessageSource) -> None:
    """Each receiver gets a session that nobody holds; with all of them held, none is left."""
    await sender.send(QUEUE.name, [outgoing("a1", "a"), outgoing("a2", "a"), outgoing("b1", "b")])
    first, second = await next_session(source, QUEUE.name), await next_session(source, QUEUE.name)

    assert await source.open_next_session(QUEUE.name, wait_seconds=0) is None
    sessions = {(await receive_one(receiver)).session_id for receiver in (first, second)}
    assert sessions == {"a", "b"}


async def test_a_session_without_messages_is_not_offered(
    sender: MessageSender, source: MessageSource, pass_time: PassTime, queue_clock: FakeClock
) -> None:
    """A session can be opened once a message of it is available; completed and scheduled ones are not."""
    due = queue_clock.now() + timedelta(seconds=60)
    await sender.send(QUEUE.name, [outgoing("a1", "a"), outgoing("b1", "b", scheduled_at=due)])
    receiver = await next_session(source, QUEUE.name)
    await receiver.complete(await receive_one(receiver))
    await receiver.close()

    assert await source.open_next_session(QUEUE.name, wait_seconds=0) is None
    await pass_time(60)
    assert (await receive_one(await next_session(source, QUEUE.name))).message_id == "b1"


async def test_an_abandoned_message_comes_before_its_followers(
    sender: MessageSender, source: MessageSource
) -> None:
    """Abandoning keeps the order of a session: the message comes again first."""
    await sender.send(QUEUE.name, [outgoing("a1", "a"), outgoing("a2", "a")])
    receiver = await next_session(source, QUEUE.name)
    await receiver.abandon(await receive_one(receiver))

    again = await receive_one(receiver)

    assert (again.message_id, again.delivery_count) == ("a1", 2)
    assert (await receive_one(receiver)).message_id == "a2"


async def test_closing_releases_the_session(sender: MessageSender, source: MessageSource) -> None:
    """After closing, the next receiver gets the session at once and what was not settled in its order."""
    await sender.send(QUEUE.name, [outgoing("a1", "a"), outgoing("a2", "a"), outgoing("a3", "a")])
    first = await next_session(source, QUEUE.name)
    await first.complete(await receive_one(first))
    await receive_one(first)
    await first.close()
    await first.close()

    second = await next_session(source, QUEUE.name)

    assert ids(await second.receive(1, wait_seconds=0)) == ["a2"]
    assert ids(await second.receive(1, wait_seconds=0)) == ["a3"]


async def test_a_session_lock_that_ran_out_is_lost(
    sender: MessageSender, source: MessageSource, pass_time: PassTime
) -> None:
    """After the lock period the session is another's with all that was in hand, and lost to the first."""
    await sender.send(QUEUE.name, [outgoing("a1", "a"), outgoing("a2", "a")])
    slow = await next_session(source, QUEUE.name)
    lost = await receive_one(slow)
    await pass_time(QUEUE.lock_seconds)
    other = await next_session(source, QUEUE.name)

    with pytest.raises(LeaseLostError):
        await slow.complete(lost)
    with pytest.raises(LeaseLostError):
        await slow.renew(lost)
    with pytest.raises(LeaseLostError):
        await slow.receive(1, wait_seconds=0)
    await slow.close()

    again = await receive_one(other)
    assert (again.message_id, again.delivery_count) == ("a1", 2)
    await other.complete(again)


async def test_renewing_extends_the_whole_session(
    sender: MessageSender, source: MessageSource, pass_time: PassTime, queue_clock: FakeClock
) -> None:
    """Renewing through one message keeps the session and every message in hand for another period."""
    await sender.send(QUEUE.name, [outgoing("a1", "a"), outgoing("a2", "a"), outgoing("a3", "a")])
    receiver = await next_session(source, QUEUE.name)
    first, second = await receive_one(receiver), await receive_one(receiver)
    await pass_time(QUEUE.lock_seconds - 60)

    until = await receiver.renew(first)

    assert until == queue_clock.now() + timedelta(seconds=QUEUE.lock_seconds)
    await pass_time(QUEUE.lock_seconds - 60)
    assert await source.open_next_session(QUEUE.name, wait_seconds=0) is None
    third = await receive_one(receiver)
    assert (third.message_id, third.locked_until) == ("a3", until)
    for message in (first, second, third):
        await receiver.complete(message)


async def test_a_settled_message_still_renews_its_session(
    sender: MessageSender, source: MessageSource, pass_time: PassTime
) -> None:
    """A renewal that comes just after its message was settled keeps the session for its receiver."""
    await sender.send(QUEUE.name, [outgoing("a1", "a"), outgoing("a2", "a")])
    receiver = await next_session(source, QUEUE.name)
    first = await receive_one(receiver)
    await receiver.complete(first)
    await pass_time(QUEUE.lock_seconds - 60)

    await receiver.renew(first)

    await pass_time(QUEUE.lock_seconds - 60)
    assert (await receive_one(receiver)).message_id == "a2"


async def test_dead_letters_of_sessions_are_read_without(
    sender: MessageSender, source: MessageSource
) -> None:
    """The dead-letter sub-queue of a queue with sessions is one place, whose messages tell their session."""
    await sender.send(QUEUE.name, [outgoing("a1", "a"), outgoing("a2", "a"), outgoing("b1", "b")])
    for _ in range(2):
        receiver = await next_session(source, QUEUE.name)
        await receiver.dead_letter(await receive_one(receiver), "Poison", "cannot be read")

    dead = await dead_letters(source, QUEUE.name)

    assert sorted((message.message_id, message.session_id) for message in dead) == [("a1", "a"), ("b1", "b")]


async def test_a_poisoned_message_makes_way(sender: MessageSender, source: MessageSource) -> None:
    """A message abandoned after its last delivery is dead-lettered, and the session goes on behind it."""
    await sender.send(QUEUE.name, [outgoing("a1", "a"), outgoing("a2", "a")])
    receiver = await next_session(source, QUEUE.name)
    for _ in range(QUEUE.max_delivery_count):
        await receiver.abandon(await receive_one(receiver))

    assert (await receive_one(receiver)).message_id == "a2"
    assert ids(await dead_letters(source, QUEUE.name)) == ["a1"]


async def test_who_waits_for_a_session_gets_what_arrives(
    sender: MessageSender, source: MessageSource
) -> None:
    """Waiting for a session ends with the first message of one."""
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(source.open_next_session(QUEUE.name, wait_seconds=60))
        await dead_letters(source, QUEUE.name)
        await sender.send(QUEUE.name, [outgoing("a1", "a")])
    receiver = waiting.result()

    assert receiver is not None
    assert (await receive_one(receiver)).message_id == "a1"


@pytest.mark.parametrize("session_id", [None, "", "s" * 129])
async def test_a_message_without_a_valid_session_is_refused(
    session_id: str | None, sender: MessageSender, source: MessageSource
) -> None:
    """A queue with sessions takes only messages whose session id has 1 to 128 characters."""
    with pytest.raises(InvalidRequestError):
        await sender.send(QUEUE.name, [outgoing("a1", "a"), OutgoingMessage(b"", "b1", session_id)])

    assert await source.open_next_session(QUEUE.name, wait_seconds=0) is None
