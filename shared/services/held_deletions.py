"""Held deletions: where too much is gone at once, a tenant admin's word is waited for."""

from __future__ import annotations

from shared.domain.errors import InvalidStateError
from shared.domain.integration import Integration
from shared.domain.sync import SyncExecution
from shared.repositories.executions import ExecutionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.quarantine import QuarantineRepository
from shared.services.run_checkpoints import RunCheckpoints
from shared.services.sync_requests import SyncRequests


class HeldDeletions:
    """Lets held deletions happen, as a run of their own."""

    def __init__(
        self,
        executions: ExecutionRepository,
        integrations: IntegrationRepository,
        checkpoints: RunCheckpoints,
        entries: QuarantineRepository,
        requests: SyncRequests,
    ) -> None:
        self._executions = executions
        self._integrations = integrations
        self._checkpoints = checkpoints
        self._entries = entries
        self._requests = requests

    async def confirm(
        self, tenant_id: str, execution_id: str, request_id: str, run_id: str | None = None
    ) -> SyncExecution:
        """Start a run that deletes what a run has held, but for what was written since; return its record.

        `run_id` is made for this request: a run that has it was begun by an attempt before a crash.

        Raises:
            NotFoundError: The tenant has no such run, or its integration is gone.
            InvalidStateError: It holds nothing: it never did, it was confirmed, or a later complete reading
                has judged anew. Or the integration is not active, or has a run that has not ended.
        """
        begun = await self._executions.find(tenant_id, run_id) if run_id else None
        if begun:
            return begun
        execution = await self._executions.get(tenant_id, execution_id)
        integration = await self._integrations.get(tenant_id, execution.integration_id)
        entities = tuple(
            [entity for entity in execution.entities if await self._holds(integration, entity, execution.id)]
        )
        if not entities:
            raise InvalidStateError(
                "The run holds no deletions: there were none, they are done, or a later run has judged anew."
            )
        return await self._requests.start_confirmed(integration, execution, entities, request_id, run_id)

    async def _holds(self, integration: Integration, entity: str, execution_id: str) -> bool:
        if integration.mapping_of(entity) is None:
            return False
        if (await self._checkpoints.load(integration, entity)).holds(execution_id):
            return True
        tenant_id, integration_id = integration.tenant_id, integration.id
        return bool(await self._entries.held_by(tenant_id, execution_id, integration_id, entity, None, 1))
