"""What each step of an integration's deletion does. Every one may be done again."""

from __future__ import annotations

import contextlib
from typing import Protocol

from shared.domain.deletion import DeletionRecord, DeletionStep
from shared.domain.errors import InvalidStateError, NotFoundError
from shared.domain.integration import Integration, IntegrationStatus
from shared.ports.clock import Clock
from shared.repositories.active_runs import ActiveRunRepository
from shared.repositories.checkpoints import CheckpointRepository
from shared.repositories.connections import ConnectionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.quarantine import QuarantineRepository
from shared.resilience.lease import Leases
from shared.services.credentials import CredentialVault
from shared.services.insisting import insist
from shared.services.run_records import RunRecords

PATIENCE_SECONDS = 20.0
"""How long to wait for a step of a sync that is at work: it looks at its run's record after each page."""

_PAGE = 100


class Disconnecting(Protocol):
    """Ends connections."""

    async def run(self, tenant_id: str, connection_id: str, actor: str) -> None:
        """Give a connection's tokens back and delete them. Idempotent."""
        ...


class DeletionSteps:
    """Does the steps of a deletion.

    Args:
        integrations, connections, checkpoints, quarantine: Where the documents are.
        active_runs: Tell which run is under way.
        records: End it.
        disconnect: Ends connections.
        vault: Has the credentials that people entered.
        leases: Tell when no step of a sync is at work any more.
        clock: Time.
    """

    def __init__(
        self,
        *,
        integrations: IntegrationRepository,
        connections: ConnectionRepository,
        checkpoints: CheckpointRepository,
        quarantine: QuarantineRepository,
        active_runs: ActiveRunRepository,
        records: RunRecords,
        disconnect: Disconnecting,
        vault: CredentialVault,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._integrations = integrations
        self._connections = connections
        self._checkpoints = checkpoints
        self._quarantine = quarantine
        self._active_runs = active_runs
        self._records = records
        self._disconnect = disconnect
        self._vault = vault
        self._leases = leases
        self._clock = clock

    async def do(self, step: DeletionStep, record: DeletionRecord) -> None:
        """Do one step.

        Raises:
            LeaseHeldError: A step of the integration's sync is still at work.
            RetryableError: A store or the provider does not answer now.
        """
        match step:
            case DeletionStep.DISABLED:
                await self._disable(record)
            case DeletionStep.RUNS_STOPPED:
                await self._stop_runs(record)
            case DeletionStep.CREDENTIALS_DELETED:
                await self._delete_credentials(record)
            case DeletionStep.INTEGRATION_DELETED:
                await self._delete_integration(record)
            case DeletionStep.HISTORY:
                await self._delete_history(record)

    async def _disable(self, record: DeletionRecord) -> None:
        async def attempt() -> None:
            present = await self._find(record)
            if present is None:
                return
            disabled = present.changed(
                status=IntegrationStatus.DISABLED,
                disabled_because=None,
                next_sync_at=None,
                revision=present.revision + 1,
                updated_at=self._clock.now(),
            )
            await self._integrations.replace(disabled)

        await insist(attempt)

    async def _stop_runs(self, record: DeletionRecord) -> None:
        """End the run under way, and wait until its step has noticed: nothing is stored after this."""
        run = await self._active_runs.current(record.tenant_id, record.integration_id)
        if run:
            with contextlib.suppress(InvalidStateError, NotFoundError):  # it has ended by itself
                await self._records.cancel(record.tenant_id, run.id)
        name = f"sync.{record.integration_id}"
        async with self._leases.hold(record.tenant_id, name, patience_seconds=PATIENCE_SECONDS):
            pass

    async def _delete_credentials(self, record: DeletionRecord) -> None:
        await self._end_connections(record)
        integration = await self._find(record)
        if integration:
            await self._vault.delete(integration)

    async def _end_connections(self, record: DeletionRecord) -> None:
        where = (record.tenant_id, record.integration_id)
        while found := (await self._connections.page_of(*where, _PAGE)).items:
            for connection in found:
                await self._disconnect.run(record.tenant_id, connection.id, record.actor)
                # Disconnecting has changed the document.
                ended = await self._connections.find(record.tenant_id, connection.id)
                if ended:
                    await self._connections.delete(ended)

    async def _delete_integration(self, record: DeletionRecord) -> None:
        async def attempt() -> None:
            present = await self._find(record)
            if present is not None:
                await self._integrations.delete(present)

        await insist(attempt)

    async def _delete_history(self, record: DeletionRecord) -> None:
        await self._end_connections(record)  # of somebody who connected while the integration was still there
        await self._checkpoints.delete_all(record.tenant_id, record.integration_id)
        while True:
            page = await self._quarantine.page_of(record.tenant_id, record.integration_id, _PAGE, None)
            if not page.items:
                return
            await self._quarantine.delete_many(record.tenant_id, page.items)

    async def _find(self, record: DeletionRecord) -> Integration | None:
        return await self._integrations.find(record.tenant_id, record.integration_id)
