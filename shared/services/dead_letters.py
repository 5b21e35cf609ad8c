"""Dead letters: taken off the queue, kept, and made known to the run that they belonged to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson
from pydantic import ValidationError

from shared.domain.errors import UnavailableError
from shared.domain.sync import SyncMessage
from shared.ports.clock import Clock
from shared.repositories.dead_letters import DeadLetter, DeadLetterRepository
from shared.services.inbound_sync import InboundSync
from shared.telemetry.logs import get_logger, log_context

NO_TENANT = "unknown"
"""Stands for the tenant of a message that nobody can read."""

_TEXT_LIMIT = 1000
_log = get_logger("dead_letters")


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message out of a dead-letter sub-queue, as the host delivered it."""

    queue: str
    message_id: str
    body: bytes
    delivery_count: int
    reason: str
    description: str


class DeadLetters:
    """Keeps dead letters for 90 days."""

    def __init__(self, letters: DeadLetterRepository, inbound: InboundSync, clock: Clock) -> None:
        self._letters = letters
        self._inbound = inbound
        self._clock = clock

    async def take(self, message: DeadMessage) -> None:
        """Store the message and end the run that it belonged to. Taking it again changes nothing more."""
        step = _sync_message(message.body)
        with log_context(
            tenant_id=step.tenant_id if step else None, request_id=step.request_id if step else None
        ):
            await self._keep(message, step)

    async def _keep(self, message: DeadMessage, step: SyncMessage | None) -> None:
        await self._letters.put(self._letter(message, step.tenant_id if step else NO_TENANT))
        _log.error(
            "A message could not be handled",
            extra={
                "metadata": {
                    "queue": message.queue,
                    "messageId": message.message_id,
                    "reason": message.reason,
                }
            },
        )
        if step:
            await self._inbound.give_up(
                step, UnavailableError(f"The run's message was given up: {message.reason}.")
            )

    def _letter(self, message: DeadMessage, tenant_id: str) -> DeadLetter:
        now = self._clock.now()
        try:
            body, text = orjson.loads(message.body), None
        except orjson.JSONDecodeError:
            body, text = None, message.body[:_TEXT_LIMIT].decode(errors="replace")
        return DeadLetter(
            id=hashlib.blake2b(f"{message.queue} {message.message_id}".encode(), digest_size=16).hexdigest(),
            tenant_id=tenant_id,
            queue=message.queue,
            message_id=message.message_id,
            reason=message.reason,
            description=message.description,
            delivery_count=message.delivery_count,
            body=body,
            text=text,
            created_at=now,
            updated_at=now,
        )


def _sync_message(body: bytes) -> SyncMessage | None:
    try:
        return SyncMessage.model_validate_json(body, extra="ignore")
    except ValidationError:
        return None
