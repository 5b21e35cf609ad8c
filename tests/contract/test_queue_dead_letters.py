"""How every queue puts messages aside: on request, after too many deliveries, and when they expire."""

from __future__ import annotations

import pytest

from shared.domain.errors import InvalidRequestError
from shared.domain.queues import QUEUES, SYNC_INBOUND_SCHEDULED
from shared.ports.queue import MessageSender, MessageSource
from tests.contract.queue_steps import PassTime, dead_letters, outgoing, receive_one
from tests.fakes.clock import FakeClock

pytest_plugins = ["tests.contract.queue_backends"]

QUEUE = QUEUES[SYNC_INBOUND_SCHEDULED]


async def test_the_last_abandon_dead_letters(sender: MessageSender, source: MessageSource) -> None:
    """A message abandoned after its last delivery moves to the dead-letter sub-queue, with the reason."""
    await sender.send(QUEUE.name, [outgoing("poison")])
    receiver = await source.open(QUEUE.name)
    for _ in range(QUEUE.max_delivery_count):
        await receiver.abandon(await receive_one(receiver))

    assert not await receiver.receive(1, wait_seconds=0)
    [dead] = await dead_letters(source, QUEUE.name)
    assert (dead.message_id, dead.dead_letter_reason) == ("poison", "MaxDeliveryCountExceeded")


async def test_the_last_lost_lock_dead_letters(
    sender: MessageSender, source: MessageSource, pass_time: PassTime
) -> None:
    """A message whose receivers all vanish is dead-lettered when the last lock runs out."""
    await sender.send(QUEUE.name, [outgoing("poison")])
    receiver = await source.open(QUEUE.name)
    for delivery in range(1, QUEUE.max_delivery_count + 1):
        assert (await receive_one(receiver)).delivery_count == delivery
        await pass_time(QUEUE.lock_seconds)

    assert not await receiver.receive(1, wait_seconds=0)
    [dead] = await dead_letters(source, QUEUE.name)
    assert (dead.message_id, dead.dead_letter_reason) == ("poison", "MaxDeliveryCountExceeded")


async def test_a_dead_letter_keeps_what_it_was(
    sender: MessageSender, source: MessageSource, pass_time: PassTime, queue_clock: FakeClock
) -> None:
    """Dead-lettering keeps body, id, properties and enqueued time, and adds the reason in both places."""
    sent_at = queue_clock.now()
    await sender.send(QUEUE.name, [outgoing("bad", properties={"kind": "sync"})])
    receiver = await source.open(QUEUE.name)
    message = await receive_one(receiver)
    await pass_time(10)
    description = "d" * 4096

    await receiver.dead_letter(message, "Poison", description)

    assert not await receiver.receive(1, wait_seconds=0)
    [dead] = await dead_letters(source, QUEUE.name)
    assert (dead.body, dead.message_id, dead.enqueued_at) == (message.body, "bad", sent_at)
    assert (dead.dead_letter_reason, dead.dead_letter_description) == ("Poison", description)
    reason = {"DeadLetterReason": "Poison", "DeadLetterErrorDescription": description}
    assert dict(dead.properties) == {"kind": "sync", **reason}


async def test_too_long_a_description_is_refused(sender: MessageSender, source: MessageSource) -> None:
    """A description over 4,096 characters is an invalid request, and the message stays locked as it is."""
    await sender.send(QUEUE.name, [outgoing("bad")])
    receiver = await source.open(QUEUE.name)
    message = await receive_one(receiver)

    with pytest.raises(InvalidRequestError):
        await receiver.dead_letter(message, "Poison", "d" * 4097)

    await receiver.complete(message)


async def test_dead_letters_stay_until_completed(
    sender: MessageSender, source: MessageSource, pass_time: PassTime
) -> None:
    """A dead letter neither expires nor runs out of deliveries: only completing it removes it."""
    await sender.send(QUEUE.name, [outgoing("bad", time_to_live_seconds=60)])
    receiver = await source.open(QUEUE.name)
    await receiver.dead_letter(await receive_one(receiver), "Poison", "")
    dead_receiver = await source.open(QUEUE.name, dead_letter=True)
    for _ in range(QUEUE.max_delivery_count + 2):
        await dead_receiver.abandon(await receive_one(dead_receiver))
    await pass_time(QUEUE.time_to_live_seconds * 2)

    dead = await receive_one(dead_receiver)
    assert (dead.message_id, dead.dead_letter_reason) == ("bad", "Poison")
    await dead_receiver.complete(dead)
    assert not await dead_receiver.receive(1, wait_seconds=0)


@pytest.mark.parametrize(
    ("own_seconds", "lives_seconds"),
    [
        (None, QUEUE.time_to_live_seconds),
        (3600.0, 3600),
        (QUEUE.time_to_live_seconds * 2.0, QUEUE.time_to_live_seconds),
    ],
    ids=["the queue's", "its own", "its own is longer"],
)
async def test_an_expired_message_is_dead_lettered(
    own_seconds: float | None,
    lives_seconds: int,
    sender: MessageSender,
    source: MessageSource,
    pass_time: PassTime,
) -> None:
    """A message lives for the shorter of its own time and the queue's, and is dead-lettered then."""
    await sender.send(QUEUE.name, [outgoing("stale", time_to_live_seconds=own_seconds)])
    receiver = await source.open(QUEUE.name)
    await pass_time(lives_seconds - 1)
    await receiver.abandon(await receive_one(receiver))
    await pass_time(1)

    assert not await receiver.receive(1, wait_seconds=0)
    [dead] = await dead_letters(source, QUEUE.name)
    assert (dead.message_id, dead.dead_letter_reason) == ("stale", "TTLExpiredException")


async def test_a_message_does_not_expire_in_hand(
    sender: MessageSender, source: MessageSource, pass_time: PassTime
) -> None:
    """A message that expires while it is locked can still be completed."""
    await sender.send(QUEUE.name, [outgoing("late", time_to_live_seconds=60)])
    receiver = await source.open(QUEUE.name)
    message = await receive_one(receiver)
    await pass_time(120)

    await receiver.complete(message)

    assert not await dead_letters(source, QUEUE.name)


async def test_a_message_that_expired_in_hand_is_not_delivered_again(
    sender: MessageSender, source: MessageSource, pass_time: PassTime
) -> None:
    """When the lock of an expired message runs out, the message is dead-lettered as expired."""
    await sender.send(QUEUE.name, [outgoing("late", time_to_live_seconds=60)])
    receiver = await source.open(QUEUE.name)
    await receive_one(receiver)
    await pass_time(QUEUE.lock_seconds)

    assert not await receiver.receive(1, wait_seconds=0)
    [dead] = await dead_letters(source, QUEUE.name)
    assert dead.dead_letter_reason == "TTLExpiredException"
