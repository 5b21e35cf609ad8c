"""Queues with peek-lock, in two halves: the app sends, a host receives.

In Azure the Functions host receives and the app never sees a receiver; locally devhost does.
Delivery is at least once and, outside sessions, in no order: every handler is idempotent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

PropertyValue: TypeAlias = str | int | float | bool

MAX_MESSAGE_BYTES = 256 * 1024
"""Size limit of one message with its properties (Service Bus, Standard tier)."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to send.

    Attributes:
        body: The payload, JSON in UTF-8.
        message_id: Names the piece of work; a second message with the same id within the queue's
            duplicate-detection window is dropped without an error.
        session_id: Orders messages; required by queues with sessions and refused by the others.
        properties: Application properties, for routing and for people; never secrets.
        scheduled_at: Not delivered before this time; None means now.
        time_to_live_seconds: Shorter than the queue's own, or None.
    """

    body: bytes
    message_id: str
    session_id: str | None = None
    properties: Mapping[str, PropertyValue] = field(default_factory=dict)
    scheduled_at: datetime | None = None
    time_to_live_seconds: float | None = None


class MessageSender(Protocol):
    """The sending half."""

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        """Store the messages durably, in order, before returning. A failed call may have stored some.

        Raises:
            ConfigurationError: The queue is not declared.
            InvalidRequestError: A message is over MAX_MESSAGE_BYTES, has no id, or lacks or needlessly
                names a session; nothing was sent.
            UnavailableError, ThrottledError: The queue does not take messages now.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message in hand: locked for this receiver until `locked_until`."""

    body: bytes
    message_id: str
    session_id: str | None
    properties: Mapping[str, PropertyValue]
    sequence_number: int
    delivery_count: int
    """How often it has been delivered, this time included: 1 at first."""
    enqueued_at: datetime
    expires_at: datetime
    locked_until: datetime
    lock_token: str
    dead_letter_reason: str | None = None
    dead_letter_description: str | None = None


class MessageReceiver(Protocol):
    """One place to receive from: a queue, its dead-letter sub-queue, or one session of a queue.

    A lock that ran out makes `complete`, `abandon`, `dead_letter` and `renew` raise LeaseLostError: the
    message is, or will be, somebody else's.
    """

    async def receive(self, max_messages: int, wait_seconds: float) -> Sequence[ReceivedMessage]:
        """Lock and return up to `max_messages`; wait up to `wait_seconds` for the first, then return none."""
        ...

    async def complete(self, message: ReceivedMessage) -> None:
        """Remove the message: its work is done."""
        ...

    async def abandon(self, message: ReceivedMessage) -> None:
        """Give the message back now; it moves to the dead-letter sub-queue after the last delivery."""
        ...

    async def dead_letter(self, message: ReceivedMessage, reason: str, description: str) -> None:
        """Move the message to the dead-letter sub-queue; reason and description take 4,096 characters."""
        ...

    async def renew(self, message: ReceivedMessage) -> datetime:
        """Lock the message (in a session: the session) for another period, and return its new end."""
        ...

    async def close(self) -> None:
        """Release what this receiver holds: its session, and messages it has not settled. Idempotent."""
        ...


class MessageSource(Protocol):
    """The receiving half: opens receivers."""

    async def open(self, queue: str, *, dead_letter: bool = False) -> MessageReceiver:
        """Open a queue without sessions, or any queue's dead-letter sub-queue."""
        ...

    async def open_next_session(self, queue: str, wait_seconds: float) -> MessageReceiver | None:
        """Lock a session that has messages and that nobody holds; None if there is none in time."""
        ...
