"""Records of sync runs."""

from __future__ import annotations

from datetime import datetime

from shared.domain.errors import NotFoundError
from shared.domain.model import rfc3339
from shared.domain.sync import ExecutionStatus, SyncExecution
from shared.ports.documents import DocumentStore, Op, Query, Where
from shared.repositories.model_repository import ModelPage, ModelRepository


class ExecutionRepository:
    """Executions by tenant and id."""

    def __init__(self, store: DocumentStore) -> None:
        self._models = ModelRepository(store, "sync-executions", SyncExecution)

    async def find(self, tenant_id: str, execution_id: str) -> SyncExecution | None:
        """Return a tenant's execution, or None."""
        return await self._models.get((tenant_id,), execution_id)

    async def get(self, tenant_id: str, execution_id: str) -> SyncExecution:
        """Return a tenant's execution.

        Raises:
            NotFoundError: The tenant has none with this id, or it is older than 30 days.
        """
        found = await self.find(tenant_id, execution_id)
        if found is None:
            raise NotFoundError(f"There is no execution {execution_id}; they are kept for 30 days.")
        return found

    async def create(self, execution: SyncExecution) -> SyncExecution:
        """Store a new execution. Raises AlreadyExistsError when the id is taken."""
        return await self._models.create(execution)

    async def replace(self, execution: SyncExecution) -> SyncExecution:
        """Store a changed execution. Raises StaleWriteError when it was changed meanwhile."""
        return await self._models.replace(execution)

    async def page_of(
        self, tenant_id: str, integration_id: str, limit: int, continuation: str | None
    ) -> ModelPage[SyncExecution]:
        """Return one page of an integration's executions, the newest first."""
        where = (Where("integrationId", Op.EQ, integration_id),)
        query = Query(
            (tenant_id,), where, "createdAt", descending=True, limit=limit, continuation=continuation
        )
        return await self._models.page(query)

    async def page_overdue(self, now: datetime, status: ExecutionStatus) -> ModelPage[SyncExecution]:
        """Return every tenant's runs that nobody has written to in time; a system sweep."""
        where = (Where("status", Op.EQ, status.value), Where("expectedBy", Op.LE, rfc3339(now)))
        return await self._models.page(Query((), where, "expectedBy", limit=200, sweep=True))
