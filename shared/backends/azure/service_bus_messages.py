"""Messages of the port as the SDK's, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage

from shared.ports.queue import OutgoingMessage, PropertyValue, ReceivedMessage

# Service Bus says every time; only the SDK's types don't know it.
_NEVER = datetime.max.replace(tzinfo=UTC)


def to_service_bus(message: OutgoingMessage) -> ServiceBusMessage:
    """Return the message to send. Its life is rounded up to seconds: the SDK takes less than one for none."""
    life = message.time_to_live_seconds
    properties: dict[str | bytes, Any] = dict(message.properties.items())
    return ServiceBusMessage(
        message.body,
        message_id=message.message_id,
        session_id=message.session_id,
        application_properties=properties,
        scheduled_enqueue_time_utc=message.scheduled_at,
        time_to_live=None if life is None else _life(life),
        content_type="application/json",
    )


def from_service_bus(message: ServiceBusReceivedMessage, session_end: datetime | None) -> ReceivedMessage:
    """Return a message in hand; in a session it is locked until `session_end`."""
    return ReceivedMessage(
        body=b"".join(message.body),
        message_id=message.message_id or "",
        session_id=message.session_id,
        properties=_properties(message.application_properties or {}),
        sequence_number=message.sequence_number or 0,
        delivery_count=(message.delivery_count or 0) + 1,  # the SDK counts those that failed
        enqueued_at=message.enqueued_time_utc or _NEVER,
        expires_at=message.expires_at_utc or _NEVER,
        locked_until=session_end or message.locked_until_utc or _NEVER,
        lock_token=str(message.lock_token),
        dead_letter_reason=message.dead_letter_reason,
        dead_letter_description=message.dead_letter_error_description,
    )


def _life(seconds: float) -> timedelta | None:
    # Service Bus counts lives in 32 bits of milliseconds: a longer one is the queue's own.
    return timedelta(seconds=math.ceil(seconds)) if seconds < (1 << 32) / 1000 - 1 else None


def _properties(properties: Mapping[Any, Any]) -> dict[str, PropertyValue]:
    """Decode names and texts, which the SDK leaves as bytes."""
    return {
        _text(name): _text(value) if isinstance(value, bytes) else value for name, value in properties.items()
    }


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
