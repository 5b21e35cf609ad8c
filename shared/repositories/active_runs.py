"""Which run of an integration is the one."""

from __future__ import annotations

from shared.domain.errors import AlreadyExistsError, InvalidStateError, StaleWriteError
from shared.domain.sync import ActiveRun, SyncExecution
from shared.ports.clock import Clock
from shared.ports.documents import DocumentStore
from shared.repositories.executions import ExecutionRepository
from shared.repositories.model_repository import ModelRepository

ACTIVE_RUN_ID = "active-run"


class ActiveRunRepository:
    """One document for each integration, in its checkpoints' partition."""

    def __init__(self, store: DocumentStore, executions: ExecutionRepository, clock: Clock) -> None:
        self._models = ModelRepository(store, "checkpoints", ActiveRun)
        self._executions = executions
        self._clock = clock

    async def current(self, tenant_id: str, integration_id: str) -> SyncExecution | None:
        """Return the integration's run that has not ended, or None."""
        slot = await self._models.get((tenant_id, integration_id), ACTIVE_RUN_ID)
        return await self._unfinished(slot)

    async def holds(self, execution: SyncExecution) -> bool:
        """True while this run is the integration's one."""
        slot = await self._models.get((execution.tenant_id, execution.integration_id), ACTIVE_RUN_ID)
        return slot is not None and slot.execution_id == execution.id

    async def require_none(self, tenant_id: str, integration_id: str) -> None:
        """Make sure that the integration has no run under way.

        Raises:
            InvalidStateError: It has one.
        """
        _refuse(await self.current(tenant_id, integration_id))

    async def claim(self, execution: SyncExecution) -> None:
        """Make a recorded run the integration's one, unless it is that already.

        Raises:
            InvalidStateError: Another run has not ended, or was started at this very moment.
        """
        tenant_id, integration_id = execution.tenant_id, execution.integration_id
        slot = await self._models.get((tenant_id, integration_id), ACTIVE_RUN_ID)
        if slot and slot.execution_id == execution.id:
            return
        _refuse(await self._unfinished(slot))
        now = self._clock.now()
        claimed = ActiveRun(
            id=ACTIVE_RUN_ID,
            tenant_id=tenant_id,
            integration_id=integration_id,
            execution_id=execution.id,
            created_at=now,
            updated_at=now,
            etag=slot.etag if slot else None,
        )
        try:
            await (self._models.replace(claimed) if slot else self._models.create(claimed))
        except (StaleWriteError, AlreadyExistsError):
            raise InvalidStateError("Another run of this integration was started at this moment.") from None

    async def want_after(self, execution: SyncExecution, request_id: str) -> bool:
        """Note that another run is to follow this one; False if it has ended meanwhile, or was written to.

        The note comes before the look at the run, and a run's end before the look at the note: one of the
        two sees the other.
        """
        slot = await self._models.get((execution.tenant_id, execution.integration_id), ACTIVE_RUN_ID)
        if slot is None or slot.execution_id != execution.id:
            return False
        if slot.follow_up is None:
            try:
                await self._models.replace(slot.changed(follow_up=request_id, updated_at=self._clock.now()))
            except StaleWriteError:
                return False
        return await self._unfinished(slot) is not None

    async def wanted_after(self, tenant_id: str, integration_id: str, execution_id: str) -> str | None:
        """Return the request id of who wants another run after this one, or None."""
        slot = await self._models.get((tenant_id, integration_id), ACTIVE_RUN_ID)
        return slot.follow_up if slot and slot.execution_id == execution_id else None

    async def _unfinished(self, slot: ActiveRun | None) -> SyncExecution | None:
        execution = await self._executions.find(slot.tenant_id, slot.execution_id) if slot else None
        return execution if execution and not execution.status.is_final else None


def _refuse(present: SyncExecution | None) -> None:
    if present:
        raise InvalidStateError(f"Execution {present.id} of this integration has not ended yet.")
