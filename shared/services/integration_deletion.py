"""Deleting an integration: in steps that are each done once more after a crash, and recorded."""

from __future__ import annotations

import contextlib

from shared.domain.deletion import CompletedStep, DeletionRecord, DeletionStep, deletion_id
from shared.domain.errors import (
    AlreadyExistsError,
    IntegrationError,
    LeaseHeldError,
)
from shared.domain.integration import Integration
from shared.ports.clock import Clock
from shared.repositories.deletions import DeletionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.resilience.lease import Leases
from shared.services.deletion_steps import DeletionSteps
from shared.telemetry.logs import get_logger, log_context

_RESUMED_AT_ONCE = 50
_log = get_logger("deletion")


class IntegrationDeletion:
    """Deletes integrations by the guide's steps.

    The record comes first and lists what is done. Whoever finds it incomplete goes on: the next request, or
    `resume`, which the scheduler's timer calls. Every step may be done twice.

    Args:
        deletions: The records.
        integrations: Where the documents are.
        steps: Do the work.
        leases: Keep two deletions of one integration apart.
        clock: Time.
    """

    def __init__(
        self,
        deletions: DeletionRepository,
        integrations: IntegrationRepository,
        steps: DeletionSteps,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._deletions = deletions
        self._integrations = integrations
        self._steps = steps
        self._leases = leases
        self._clock = clock

    async def run(self, tenant_id: str, integration_id: str, etag: str | None, actor: str) -> DeletionRecord:
        """Delete an integration; asked again, go on or return what the record says.

        Its shards and the records of its runs stay.

        Raises:
            NotFoundError: The tenant has, and had, no such integration.
            StaleWriteError: `etag` is not that of the stored version.
            LeaseHeldError: A step of its sync is still at work, or another request deletes it; it will go on.
            RetryableError: The stores or the provider don't answer now; it will go on.
        """
        record = await self._deletions.find(tenant_id, integration_id)
        if record is None:
            integration = await self._integrations.get(tenant_id, integration_id)
            integration.require_revision(etag)
            record = await self._begun(integration, actor)
        return await self._finished(record)

    async def get(self, tenant_id: str, record_id: str) -> DeletionRecord:
        """Return the record of a deletion. Raises NotFoundError."""
        return await self._deletions.get(tenant_id, record_id)

    async def resume(self) -> int:
        """Go on with what is not complete; return how many deletions were completed."""
        completed = 0
        for record in (await self._deletions.page_running(_RESUMED_AT_ONCE)).items:
            with log_context(tenant_id=record.tenant_id, integration_id=record.integration_id):
                try:
                    await self._finished(record)
                    completed += 1
                except LeaseHeldError:
                    continue  # somebody is at it
                except IntegrationError as error:
                    _log.warning("A deletion could not go on yet", exc_info=error)
        return completed

    async def _begun(self, integration: Integration, actor: str) -> DeletionRecord:
        now = self._clock.now()
        record = DeletionRecord(
            id=deletion_id(integration.id),
            tenant_id=integration.tenant_id,
            integration_id=integration.id,
            provider_id=integration.provider_id,
            actor=actor,
            created_at=now,
            updated_at=now,
        )
        with contextlib.suppress(AlreadyExistsError):
            await self._deletions.create(record)
        return await self._deletions.get(record.tenant_id, record.id)

    async def _finished(self, record: DeletionRecord) -> DeletionRecord:
        if not record.missing and record.completed_at:
            return record
        async with self._leases.hold(record.tenant_id, f"deletion.{record.integration_id}") as lease:
            record = await self._deletions.get(record.tenant_id, record.id)
            for step in record.missing:
                lease.check()
                await self._steps.do(step, record)
                record = await self._noted(record, step)
            return await self._confirmed(record)

    async def _noted(self, record: DeletionRecord, step: DeletionStep) -> DeletionRecord:
        now = self._clock.now()
        done = CompletedStep(step=step, at=now)
        return await self._deletions.replace(record.changed(steps=(*record.steps, done), updated_at=now))

    async def _confirmed(self, record: DeletionRecord) -> DeletionRecord:
        if record.completed_at:
            return record
        now = self._clock.now()
        _log.info("An integration was deleted", extra={"metadata": {"actor": record.actor}})
        return await self._deletions.replace(
            record.changed(status="completed", completed_at=now, updated_at=now)
        )
