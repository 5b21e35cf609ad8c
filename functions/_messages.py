"""From errors to what becomes of a queue message, in one table.

A Python function can complete a message (return) or abandon it (raise); the platform moves it to the
dead-letter sub-queue after its tenth delivery. An abandoned message comes back at once, so whatever asks for
time is sent again with a delay instead, as a new message that counts its attempts. Where that can't be sent
either, the message is kept for a while before it is abandoned.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

from shared import bootstrap
from shared.bootstrap import Runtime
from shared.domain.errors import (
    ConfigurationError,
    IntegrationError,
    LeaseHeldError,
    RecordConflictError,
    RecordRejectedError,
    RequestError,
    RetryableError,
    StaleWriteError,
    StopError,
    UncertainOutcomeError,
    UnreadableMessageError,
)
from shared.domain.sync import SyncMessage
from shared.ports.clock import Clock
from shared.services.inbound_sync import InboundSync
from shared.telemetry.logs import get_logger, log_context

MAX_ATTEMPTS = 10
"""How often a step may fail before its run is given up (the guide's max delivery count)."""

MAX_DELAY_SECONDS = 900.0
ABANDON_AFTER_SECONDS = 20.0
"""Ten deliveries so far apart outlast three minutes."""

HOST_SECONDS = 590.0
"""No message is kept beyond this time: at 600 s (host.json) the host ends the worker and all that it does."""

_FIRST_DELAY_SECONDS = 5.0
_MAX_PAUSE_SECONDS = 30.0
_log = get_logger("messages")


class Outcome(Enum):
    """What becomes of a message whose handler raised."""

    WAIT = "send again after a while; somebody else is at work, so it does not count as an attempt"
    RESCHEDULE = "send again with a growing delay, and give the run up after the last attempt"
    GIVE_UP = "end the run as failed; the message is done"
    ABANDON = "raise: the platform delivers it again, and dead-letters it in the end"


OUTCOMES: tuple[tuple[type[Exception], Outcome], ...] = (
    (LeaseHeldError, Outcome.WAIT),
    (RetryableError, Outcome.RESCHEDULE),
    (StaleWriteError, Outcome.RESCHEDULE),
    (RecordConflictError, Outcome.RESCHEDULE),
    (UncertainOutcomeError, Outcome.RESCHEDULE),
    (UnreadableMessageError, Outcome.ABANDON),
    (StopError, Outcome.GIVE_UP),
    (RecordRejectedError, Outcome.GIVE_UP),
    (RequestError, Outcome.GIVE_UP),
    (Exception, Outcome.ABANDON),
)
"""The first row that fits decides."""


def outcome_of(error: Exception) -> Outcome:
    """Return what becomes of a message whose handler raised this."""
    return next(outcome for kind, outcome in OUTCOMES if isinstance(error, kind))


@asynccontextmanager
async def kept_before_abandoned(clock: Clock) -> AsyncIterator[None]:
    """Keep a message for a while before it is abandoned for a reason that time, or an operator, may mend.

    It would come back at once: as a dead letter after ten times, and from a dead-letter sub-queue for ever.
    """
    started = clock.monotonic()
    try:
        yield
    except (RetryableError, ConfigurationError):
        left = HOST_SECONDS - (clock.monotonic() - started)
        await clock.sleep(max(0.0, min(ABANDON_AFTER_SECONDS, left)))
        raise


async def opened_runtime(clock: Clock) -> Runtime:
    """Return this process's runtime, for a message.

    Raises:
        ConfigurationError: Settings are wrong; the message was kept for a while.
    """
    async with kept_before_abandoned(clock):
        return await bootstrap.runtime()


async def run_step(inbound: InboundSync, message: SyncMessage, clock: Clock) -> None:
    """Run one step of a sync and carry out what its outcome asks for.

    Raises:
        Exception: Where the message is to be abandoned.
    """
    with log_context(
        request_id=message.request_id, tenant_id=message.tenant_id, integration_id=message.integration_id
    ):
        async with kept_before_abandoned(clock):
            try:
                await inbound.run(message)
            except Exception as error:  # noqa: BLE001 - the edge: the table has a row for whatever comes
                await _settle(inbound, message, error)


async def _settle(inbound: InboundSync, message: SyncMessage, error: Exception) -> None:
    outcome = outcome_of(error)
    _log.warning("A message was not handled", extra={"metadata": {"outcome": outcome.name}}, exc_info=error)
    if outcome is Outcome.ABANDON or not isinstance(error, IntegrationError):
        raise error
    if outcome is Outcome.WAIT:
        again = message.model_copy(update={"wait": message.wait + 1})
        await inbound.postpone(again, _pause(error, message.wait))
    elif outcome is Outcome.RESCHEDULE and message.attempt + 1 < MAX_ATTEMPTS:
        again = message.model_copy(update={"attempt": message.attempt + 1})
        await inbound.postpone(again, _delay(error, message.attempt))
    else:
        await inbound.give_up(message, error)


def _pause(error: IntegrationError, waits: int) -> float:
    """Look again soon at first: most steps are short, and a lease is given back long before it runs out."""
    return min(_asked(error) or _MAX_PAUSE_SECONDS, 2.0 ** min(waits, 10), _MAX_PAUSE_SECONDS)


def _delay(error: IntegrationError, attempt: int) -> float:
    return max(_asked(error), min(_FIRST_DELAY_SECONDS * 2.0**attempt, MAX_DELAY_SECONDS))


def _asked(error: IntegrationError) -> float:
    return (error.retry_after_seconds or 0.0) if isinstance(error, RetryableError) else 0.0
