"""Service Bus's ways to say no."""

from __future__ import annotations

from dataclasses import dataclass

from tests.doubles.servicebus.amqp_types import AmqpValue, Described, Symbol, ULong

VENDOR = "com.microsoft:"
MESSAGE_LOCK_LOST = VENDOR + "message-lock-lost"
SESSION_LOCK_LOST = VENDOR + "session-lock-lost"
SESSION_CANNOT_BE_LOCKED = VENDOR + "session-cannot-be-locked"
SERVER_BUSY = VENDOR + "server-busy"
TIMEOUT = VENDOR + "timeout"
ENTITY_DISABLED = VENDOR + "entity-disabled"
QUOTA_EXCEEDED = "amqp:resource-limit-exceeded"
NOT_FOUND = "amqp:not-found"
NOT_ALLOWED = "amqp:not-allowed"
UNAUTHORIZED = "amqp:unauthorized-access"
DETACH_FORCED = "amqp:link:detach-forced"

ACCEPTED, REJECTED, RELEASED, MODIFIED = 0x24, 0x25, 0x26, 0x27


@dataclass(frozen=True)
class RefusedError(Exception):
    """Refuses a link, a message, a settlement or a request, by AMQP condition."""

    condition: str
    description: str


def error(condition: str, description: str) -> Described:
    """Return AMQP's error structure."""
    return Described(ULong(0x1D), [Symbol(condition), description, None])


def outcome(code: int, *fields: AmqpValue) -> Described:
    """Return the state of a delivery."""
    return Described(ULong(code), list(fields))


def lock_lost() -> RefusedError:
    """Return what everybody hears who settles without holding the lock."""
    return RefusedError(
        MESSAGE_LOCK_LOST,
        "The lock supplied is invalid. Either the lock expired, or the message has already been removed.",
    )
