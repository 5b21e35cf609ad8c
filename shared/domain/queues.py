"""Queues and their figures: the single declaration.

Figures are the operations guide's ("Service Bus Queue Configuration", "Message Priority Handling"). Its
lock of 10 minutes is over Service Bus's limit: locks last 5 minutes and are renewed while a handler runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from shared.domain.containers import DAY_SECONDS


class MessagePriority(IntEnum):
    """How urgent a class of work is. Service Bus has no priority, so each class has a queue of its own."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    URGENT = 3


@dataclass(frozen=True, slots=True)
class Queue:
    """A peek-lock queue with a dead-letter sub-queue."""

    name: str
    priority: MessagePriority
    time_to_live_seconds: int
    requires_session: bool = False
    lock_seconds: int = 300
    max_delivery_count: int = 10
    max_size_megabytes: int = 5120
    duplicate_detection_seconds: int = 600
    dead_lettering_on_expiration: bool = True


SYNC_INBOUND_WEBHOOK = "sync-inbound-webhook"
SYNC_INBOUND_SCHEDULED = "sync-inbound-scheduled"
SYNC_OUTBOUND = "sync-outbound"

_DECLARED = (
    Queue(SYNC_INBOUND_WEBHOOK, MessagePriority.HIGH, 14 * DAY_SECONDS),
    Queue(SYNC_INBOUND_SCHEDULED, MessagePriority.NORMAL, 14 * DAY_SECONDS),
    Queue(SYNC_OUTBOUND, MessagePriority.NORMAL, 7 * DAY_SECONDS, requires_session=True),
)

QUEUES: dict[str, Queue] = {queue.name: queue for queue in _DECLARED}
"""Every queue by name."""
