"""What every backend refuses to send: the queue port's limits, checked before anything goes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shared.domain.errors import ConfigurationError, InvalidRequestError, InvalidStateError, Problem
from shared.domain.queues import Queue
from shared.ports.queue import MAX_MESSAGE_BYTES, OutgoingMessage, PropertyValue

MAX_ID_LENGTH = 128
"""Characters of a message id or a session id (Service Bus)."""

MAX_DESCRIPTION_LENGTH = 4096
"""Characters of a dead-letter reason or description (Service Bus)."""


def declared_queue(queues: Mapping[str, Queue], name: str) -> Queue:
    """Return the declaration of a queue.

    Raises:
        ConfigurationError: There is none.
    """
    queue = queues.get(name)
    if queue is None:
        raise ConfigurationError(
            f"The queue {name!r} is not declared; there are: {', '.join(sorted(queues))}"
        )
    return queue


def openable_queue(queues: Mapping[str, Queue], name: str, *, dead_letter: bool) -> Queue:
    """Return the declaration of a queue that is to be opened as a whole, or its dead-letter sub-queue.

    Raises:
        ConfigurationError: It is not declared, or has sessions.
    """
    queue = declared_queue(queues, name)
    if queue.requires_session and not dead_letter:
        raise ConfigurationError(f"The queue {name!r} has sessions: open its next session")
    return queue


def session_queue(queues: Mapping[str, Queue], name: str) -> Queue:
    """Return the declaration of a queue that is to be opened by session.

    Raises:
        ConfigurationError: It is not declared, or has no sessions.
    """
    queue = declared_queue(queues, name)
    if not queue.requires_session:
        raise ConfigurationError(f"The queue {name!r} has no sessions: open the queue itself")
    return queue


def check_receive(max_messages: int, *, closed: bool) -> None:
    """Check what a receiver is asked for.

    Raises:
        InvalidRequestError: `max_messages` is less than 1.
        InvalidStateError: The receiver is closed.
    """
    if max_messages < 1:
        raise InvalidRequestError("Ask for at least one message")
    if closed:
        raise InvalidStateError("The receiver is closed")


def check_messages(queue: Queue, messages: Sequence[OutgoingMessage]) -> None:
    """Check all messages against the queue's declaration and the port's limits.

    Raises:
        InvalidRequestError: With a problem for each thing to mend.
    """
    problems = [
        Problem(f"messages.{index}.{problem.field}", problem.message)
        for index, message in enumerate(messages)
        for problem in _problems(queue, message)
    ]
    if problems:
        raise InvalidRequestError(f"These messages can't be sent to {queue.name!r}", problems)


def check_dead_letter(reason: str, description: str) -> None:
    """Check why a message is put aside.

    Raises:
        InvalidRequestError: A text is over MAX_DESCRIPTION_LENGTH.
    """
    problems = [
        Problem(field, f"is over {MAX_DESCRIPTION_LENGTH} characters")
        for field, text in (("reason", reason), ("description", description))
        if len(text) > MAX_DESCRIPTION_LENGTH
    ]
    if problems:
        raise InvalidRequestError("The message can't be dead-lettered with these words", problems)


def message_bytes(message: OutgoingMessage) -> int:
    """Return the size of a message with its ids and properties: what MAX_MESSAGE_BYTES limits."""
    texts = [message.message_id, message.session_id or "", *_property_texts(message.properties)]
    return len(message.body) + sum(len(text.encode()) for text in texts)


def _property_texts(properties: Mapping[str, PropertyValue]) -> Iterator[str]:
    for name, value in properties.items():
        yield name
        yield str(value)


def _problems(queue: Queue, message: OutgoingMessage) -> Iterator[Problem]:
    if not 1 <= len(message.message_id) <= MAX_ID_LENGTH:
        yield Problem("message_id", f"must have 1 to {MAX_ID_LENGTH} characters")
    yield from _session_problems(queue, message.session_id)
    size = message_bytes(message)
    if size > MAX_MESSAGE_BYTES:
        yield Problem("body", f"makes a message of {size} bytes; the limit is {MAX_MESSAGE_BYTES}")
    if message.scheduled_at is not None and message.scheduled_at.tzinfo is None:
        yield Problem("scheduled_at", "must have a time zone")
    # Written this way round so that "not a number" is refused too.
    if message.time_to_live_seconds is not None and not message.time_to_live_seconds > 0:
        yield Problem("time_to_live_seconds", "must be more than 0")


def _session_problems(queue: Queue, session_id: str | None) -> Iterator[Problem]:
    if session_id is None:
        if queue.requires_session:
            yield Problem("session_id", "is required by this queue")
    elif not queue.requires_session:
        yield Problem("session_id", "is only for queues with sessions")
    elif not 1 <= len(session_id) <= MAX_ID_LENGTH:
        yield Problem("session_id", f"must have 1 to {MAX_ID_LENGTH} characters")
