"""Steps that the queue's tests share, through the port only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from shared.ports.queue import MessageReceiver, MessageSource, OutgoingMessage, PropertyValue, ReceivedMessage

PassTime: TypeAlias = Callable[[float], Awaitable[None]]


def outgoing(
    message_id: str,
    session_id: str | None = None,
    *,
    properties: Mapping[str, PropertyValue] | None = None,
    scheduled_at: datetime | None = None,
    time_to_live_seconds: float | None = None,
) -> OutgoingMessage:
    """A message whose body tells its id."""
    body = f'{{"id":"{message_id}"}}'.encode()
    return OutgoingMessage(body, message_id, session_id, properties or {}, scheduled_at, time_to_live_seconds)


def ids(messages: Iterable[ReceivedMessage]) -> list[str]:
    return [message.message_id for message in messages]


async def receive_one(receiver: MessageReceiver) -> ReceivedMessage:
    """Receive a message that must be there."""
    [message] = await receiver.receive(1, wait_seconds=0)
    return message


async def dead_letters(source: MessageSource, queue: str) -> list[ReceivedMessage]:
    """Lock what the dead-letter sub-queue holds."""
    receiver = await source.open(queue, dead_letter=True)
    found: list[ReceivedMessage] = []
    while messages := await receiver.receive(10, wait_seconds=0):
        found.extend(messages)
    return found


async def next_session(source: MessageSource, queue: str) -> MessageReceiver:
    """Open a session that must be there."""
    receiver = await source.open_next_session(queue, wait_seconds=0)
    assert receiver is not None
    return receiver
