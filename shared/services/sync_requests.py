"""Asking for a sync run: the record of it first, then the message that starts it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from datetime import timedelta

from shared.domain.errors import (
    AlreadyExistsError,
    InvalidRequestError,
    InvalidStateError,
    Problem,
    UnavailableError,
)
from shared.domain.integration import Integration
from shared.domain.queues import QUEUES, SYNC_INBOUND_SCHEDULED, SYNC_INBOUND_WEBHOOK
from shared.domain.sync import ExecutionStatus, SyncExecution, SyncMessage, SyncMode, Trigger
from shared.ports.clock import Clock
from shared.ports.queue import MessageSender, OutgoingMessage
from shared.repositories.active_runs import ActiveRunRepository
from shared.repositories.executions import ExecutionRepository
from shared.telemetry.logs import get_logger

_log = get_logger("sync")

SILENCE_SECONDS = 900.0
"""A run that is not written to for this long has lost its message: a step takes 10 minutes at most."""


_TRIES = 5


class SyncRequests:
    """Starts runs and keeps them going.

    Args:
        executions: Records of runs.
        active_runs: Which run of an integration is the one.
        sender: Where messages go.
        clock: Time.
        new_id: Makes ids of runs.
    """

    def __init__(
        self,
        executions: ExecutionRepository,
        active_runs: ActiveRunRepository,
        sender: MessageSender,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._executions = executions
        self._active_runs = active_runs
        self._sender = sender
        self._clock = clock
        self._new_id = new_id

    async def start(
        self,
        integration: Integration,
        mode: SyncMode,
        trigger: Trigger,
        request_id: str,
        entity: str | None = None,
        execution_id: str | None = None,
    ) -> SyncExecution:
        """Record a new run and enqueue its first step.

        A webhook gets the run that covers it: one that has not begun to read, or the one at work, after which
        another is to follow. Everybody else is told that a run is under way.

        An `execution_id` stands for the occasion of the run: asking again returns the same run, even when it
        has ended. A crash on the way leaves a queued run without a message; the scheduler finds it by its
        silence.

        Raises:
            InvalidStateError: The integration is not active, maps nothing, or has a run that has not ended.
            InvalidRequestError: `entity` is not mapped.
            UnavailableError: Others start and end runs of the integration at this moment.
        """
        entities = _entities(integration, entity)
        integration.require_active()
        if trigger is Trigger.WEBHOOK and execution_id is None:
            return await self._coalesced(integration, mode, request_id, entities)
        new_id = execution_id or self._new_id()
        return await self._started(
            self._new_execution(integration, new_id, mode, trigger, request_id, entities)
        )

    async def start_confirmed(
        self,
        integration: Integration,
        held: SyncExecution,
        entities: tuple[str, ...],
        request_id: str,
        execution_id: str | None = None,
    ) -> SyncExecution:
        """Record a run that deletes what another has held, and enqueue its first step.

        Raises:
            InvalidStateError: The integration is not active, or has a run that has not ended.
        """
        integration.require_active()
        new = self._new_execution(
            integration,
            execution_id or self._new_id(),
            SyncMode.FULL,
            Trigger.MANUAL,
            request_id,
            entities,
        )
        return await self._started(new.changed(confirms=held.id))

    async def follow_up(self, integration: Integration, execution_id: str) -> None:
        """Start the run that is to follow one that has ended, if a webhook asked for it. Idempotent."""
        request_id = await self._active_runs.wanted_after(integration.tenant_id, integration.id, execution_id)
        if request_id is None:
            return
        with contextlib.suppress(InvalidStateError):  # it has been started, or nothing may start any more
            await self.start(
                integration,
                SyncMode.INCREMENTAL,
                Trigger.WEBHOOK,
                request_id,
                execution_id=derived_id("follow-up", integration.tenant_id, execution_id),
            )

    async def _coalesced(
        self, integration: Integration, mode: SyncMode, request_id: str, entities: tuple[str, ...]
    ) -> SyncExecution:
        for _ in range(_TRIES):
            present = await self._active_runs.current(integration.tenant_id, integration.id)
            if present is None:
                new = self._new_execution(
                    integration, self._new_id(), mode, Trigger.WEBHOOK, request_id, entities
                )
                with contextlib.suppress(InvalidStateError):  # another was started at this moment
                    return await self._started(new)
            elif _covers(present, mode, entities) or await self._active_runs.want_after(present, request_id):
                return present
        raise UnavailableError("Runs of this integration start and end at this moment; try again.")

    async def _started(self, new: SyncExecution) -> SyncExecution:
        execution = await self._recorded(new)
        if execution.status.is_final:
            return execution
        try:
            await self._active_runs.claim(execution)
        except InvalidStateError:
            await self._executions.replace(execution.changed(status=ExecutionStatus.CANCELLED))
            raise
        _log.debug("phase start")
        await self.send(step_message(execution, part=1))
        return execution

    async def _recorded(self, new: SyncExecution) -> SyncExecution:
        """Return the record of the run, which a start that crashed may have made already."""
        present = await self._executions.find(new.tenant_id, new.id)
        if present:
            return present
        await self._active_runs.require_none(new.tenant_id, new.integration_id)
        try:
            return await self._executions.create(new)
        except AlreadyExistsError:
            return await self._executions.get(new.tenant_id, new.id)

    async def send(self, message: SyncMessage, delay_seconds: float = 0) -> None:
        """Enqueue one step of a run, to be delivered after a delay."""
        queue = QUEUES[_queue_of(message.trigger)]
        outgoing = OutgoingMessage(
            body=message.model_dump_json(by_alias=True).encode(),
            message_id=message.message_id,
            properties={
                "tenantId": message.tenant_id,
                "integrationId": message.integration_id,
                "requestId": message.request_id,
                "priority": int(queue.priority),
            },
            scheduled_at=self._clock.now() + timedelta(seconds=delay_seconds) if delay_seconds > 0 else None,
        )
        await self._sender.send(queue.name, [outgoing])

    def _new_execution(
        self,
        integration: Integration,
        execution_id: str,
        mode: SyncMode,
        trigger: Trigger,
        request_id: str,
        entities: tuple[str, ...],
    ) -> SyncExecution:
        now = self._clock.now()
        return SyncExecution(
            id=execution_id,
            tenant_id=integration.tenant_id,
            integration_id=integration.id,
            trigger=trigger,
            mode=mode,
            entities=entities,
            request_id=request_id,
            created_at=now,
            updated_at=now,
            expected_by=now + timedelta(seconds=SILENCE_SECONDS),
        )


def step_message(execution: SyncExecution, part: int) -> SyncMessage:
    """Return the message that asks for one step of a run."""
    return SyncMessage(
        tenant_id=execution.tenant_id,
        integration_id=execution.integration_id,
        execution_id=execution.id,
        request_id=execution.request_id,
        trigger=execution.trigger,
        part=part,
    )


def derived_id(*parts: str) -> str:
    """Return the id of a run that is asked for by an occasion, the same whenever it is asked for."""
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _queue_of(trigger: Trigger) -> str:
    """All steps of a run take the queue of what asked for it."""
    return SYNC_INBOUND_WEBHOOK if trigger is Trigger.WEBHOOK else SYNC_INBOUND_SCHEDULED


def _covers(present: SyncExecution, mode: SyncMode, entities: tuple[str, ...]) -> bool:
    """True for a run that has not begun to read, and will read all that is asked for."""
    begun = present.status is not ExecutionStatus.QUEUED
    return not begun and present.mode in {mode, SyncMode.FULL} and set(entities) <= set(present.entities)


def _entities(integration: Integration, entity: str | None) -> tuple[str, ...]:
    mapped = tuple(mapping.entity for mapping in integration.entity_mappings)
    if not mapped:
        raise InvalidStateError("The integration maps no entity; set entityMappings first.")
    if entity is None:
        return mapped
    if entity not in mapped:
        problem = Problem("entity", f"not mapped; one of: {', '.join(mapped)}")
        raise InvalidRequestError("The entity is not mapped.", [problem])
    return (entity,)
