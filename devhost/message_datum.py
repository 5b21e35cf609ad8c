"""A queue message as the Azure host sends it to the worker.

Names and types are those of the Service Bus extension's ServiceBusTriggerBindingStrategy, as they arrive
over gRPC: strings as they are, everything else as JSON, null values not at all, times without a zone. The
reason of a dead letter is no metadata there; it travels among the application properties.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from azure.functions.meta import Datum

from shared.ports.queue import ReceivedMessage


def message_datum(message: ReceivedMessage) -> tuple[Datum, dict[str, Datum]]:
    """Return a message's body, for data type BINARY, and its trigger metadata."""
    properties = _json(_application_properties(message))
    metadata = {
        "MessageId": Datum(message.message_id, "string"),
        "LockToken": Datum(message.lock_token, "string"),
        "SequenceNumber": _json(message.sequence_number),
        "DeliveryCount": _json(message.delivery_count),
        "EnqueuedTimeUtc": _json(_without_zone(message.enqueued_at)),
        "ExpiresAtUtc": _json(_without_zone(message.expires_at)),
        "ApplicationProperties": properties,
        "UserProperties": properties,
    }
    if message.session_id is not None:
        metadata["SessionId"] = Datum(message.session_id, "string")
    return Datum(message.body, "bytes"), metadata


def _application_properties(message: ReceivedMessage) -> dict[str, Any]:
    reasons = {
        "DeadLetterReason": message.dead_letter_reason,
        "DeadLetterErrorDescription": message.dead_letter_description,
    }
    return {**message.properties, **{name: text for name, text in reasons.items() if text is not None}}


def _without_zone(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def _json(value: Any) -> Datum:
    return Datum(json.dumps(value), "json")
