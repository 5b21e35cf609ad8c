"""Asking for a sync run: the record of it first, then the message that starts it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from shared.domain.errors import InvalidRequestError, InvalidStateError, Problem
from shared.domain.integration import Integration, IntegrationStatus
from shared.domain.queues import QUEUES, SYNC_INBOUND_SCHEDULED
from shared.domain.sync import ExecutionStatus, SyncExecution, SyncMessage, SyncMode, Trigger
from shared.ports.clock import Clock
from shared.ports.queue import MessageSender, OutgoingMessage
from shared.repositories.active_runs import ActiveRunRepository
from shared.repositories.executions import ExecutionRepository

SILENCE_SECONDS = 900.0
"""A run that is not written to for this long has lost its message: a step takes 10 minutes at most."""


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
    ) -> SyncExecution:
        """Record a new run and enqueue its first step.

        A crash on the way leaves a queued run without a message; the scheduler finds it by its silence.

        Raises:
            InvalidStateError: The integration is not active, maps nothing, or has a run that has not ended.
            InvalidRequestError: `entity` is not mapped.
        """
        entities = _entities(integration, entity)
        return await self._begin(
            integration, self._new_execution(integration, mode, trigger, request_id, entities)
        )

    async def start_confirmed(
        self, integration: Integration, held: SyncExecution, entities: tuple[str, ...], request_id: str
    ) -> SyncExecution:
        """Record a run that deletes what another has held, and enqueue its first step.

        Raises:
            InvalidStateError: The integration is not active, or has a run that has not ended.
        """
        execution = self._new_execution(integration, SyncMode.FULL, Trigger.MANUAL, request_id, entities)
        return await self._begin(integration, execution.changed(confirms=held.id))

    async def _begin(self, integration: Integration, new: SyncExecution) -> SyncExecution:
        if integration.status is not IntegrationStatus.ACTIVE:
            raise InvalidStateError(
                f"The integration is not active: POST /api/integrations/{integration.id}/activate first."
            )
        await self._active_runs.require_none(integration.tenant_id, integration.id)
        execution = await self._executions.create(new)
        try:
            await self._active_runs.claim(execution)
        except InvalidStateError:
            await self._executions.replace(execution.changed(status=ExecutionStatus.CANCELLED))
            raise
        await self.send(step_message(execution, part=1))
        return execution

    async def send(self, message: SyncMessage, delay_seconds: float = 0) -> None:
        """Enqueue one step of a run, to be delivered after a delay."""
        queue = QUEUES[SYNC_INBOUND_SCHEDULED]
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
        mode: SyncMode,
        trigger: Trigger,
        request_id: str,
        entities: tuple[str, ...],
    ) -> SyncExecution:
        now = self._clock.now()
        return SyncExecution(
            id=self._new_id(),
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
        part=part,
    )


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
