"""A message as the double keeps it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.doubles.servicebus.amqp_decode import decode, skip
from tests.doubles.servicebus.amqp_encode import described
from tests.doubles.servicebus.amqp_types import AmqpValue, Int, Symbol, Timestamp, UInt
from tests.doubles.servicebus.timeline import Timer

if TYPE_CHECKING:
    from tests.doubles.servicebus.links import Link

HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS, PROPERTIES, APPLICATION, DATA = 0x70, 0x71, 0x72, 0x73, 0x74, 0x75

ACTIVE, SCHEDULED = 0, 2


@dataclass(slots=True, eq=False)
class Lock:
    """Who has a message, and until when."""

    link: Link | None
    until: int
    token: uuid.UUID = field(default_factory=uuid.uuid4)
    timer: Timer | None = None


class Message:
    """Properties and body stay the sender's bytes; the other sections are ours."""

    def __init__(self, raw: bytes) -> None:
        self.time_to_live: int | None = None
        self.message_id: AmqpValue = None
        self.session_id: str | None = None
        self.scheduled: int | None = None
        self.sequence, self.delivery_count, self.enqueued, self.state = 0, 0, 0, ACTIVE
        self.lock: Lock | None = None
        self._annotations: dict[AmqpValue, AmqpValue] = {}
        self._application: dict[AmqpValue, AmqpValue] = {}
        self._properties = self._body = b""
        for code, section in _sections(raw):
            self._read(code, section)

    def _read(self, code: int, section: bytes) -> None:
        if code == HEADER:
            self.time_to_live = _fields(section)[2]
        elif code == ANNOTATIONS:
            self._annotations = decode(section)[0].value
            self.scheduled = self._annotations.get("x-opt-scheduled-enqueue-time")
        elif code == PROPERTIES:
            fields = _fields(section)
            self._properties, self.message_id, self.session_id = section, fields[0], fields[10]
        elif code == APPLICATION:
            self._application = decode(section)[0].value
        elif code != DELIVERY_ANNOTATIONS:
            self._body += section

    def give_reason(self, reason: str | None, description: str | None, source: str) -> None:
        """Say why and from where it was dead-lettered."""
        texts = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
        self._application.update({name: text for name, text in texts.items() if text})
        self._annotations[Symbol("x-opt-deadletter-source")] = source

    def encode(self) -> bytes:
        """Return the message as a receiver gets it."""
        annotations = self._annotations | {
            Symbol("x-opt-enqueued-time"): Timestamp(self.enqueued),
            Symbol("x-opt-sequence-number"): self.sequence,
            Symbol("x-opt-message-state"): Int(self.state),
        }
        life = None if self.time_to_live is None else UInt(self.time_to_live)
        parts = [described(HEADER, [None, None, life, None, UInt(self.delivery_count)])]
        if self.lock:
            annotations[Symbol("x-opt-locked-until")] = Timestamp(self.lock.until)
            parts.append(described(DELIVERY_ANNOTATIONS, {Symbol("x-opt-lock-token"): self.lock.token}))
        parts += [described(ANNOTATIONS, annotations), self._properties]
        if self._application:
            parts.append(described(APPLICATION, self._application))
        return b"".join([*parts, self._body])


def split_batch(raw: bytes) -> list[bytes]:
    """Return the messages of a batch: an outer message whose data sections each hold one."""
    return [decode(section)[0].value for code, section in _sections(raw) if code == DATA]


def _sections(raw: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(raw):
        end = skip(raw, at)
        descriptor, _ = decode(raw, at + 1)
        found.append((int(descriptor), bytes(raw[at:end])))
        at = end
    return found


def _fields(section: bytes) -> list[AmqpValue]:
    return [*decode(section)[0].value, *[None] * 13]
