"""Records of deletions, for good."""

from __future__ import annotations

from shared.domain.deletion import DeletionRecord, deletion_id
from shared.domain.errors import NotFoundError
from shared.ports.documents import DocumentStore, Op, Query, Where
from shared.repositories.model_repository import ModelPage, ModelRepository


class DeletionRepository:
    """Records of integrations' deletions, by tenant and integration."""

    def __init__(self, store: DocumentStore) -> None:
        self._models = ModelRepository(store, "privacy-requests", DeletionRecord)

    async def find(self, tenant_id: str, integration_id: str) -> DeletionRecord | None:
        """Return the record of an integration's deletion, or None."""
        return await self._models.get((tenant_id,), deletion_id(integration_id))

    async def get(self, tenant_id: str, record_id: str) -> DeletionRecord:
        """Return a record by its own id.

        Raises:
            NotFoundError: The tenant has none with this id.
        """
        found = await self._models.get((tenant_id,), record_id)
        if found is None:
            raise NotFoundError(f"There is no request {record_id}.")
        return found

    async def create(self, record: DeletionRecord) -> DeletionRecord:
        """Store a new record. Raises AlreadyExistsError when the deletion has begun before."""
        return await self._models.create(record)

    async def replace(self, record: DeletionRecord) -> DeletionRecord:
        """Store a changed record. Raises StaleWriteError when it was changed meanwhile."""
        return await self._models.replace(record)

    async def page_running(self, limit: int) -> ModelPage[DeletionRecord]:
        """Return every tenant's deletions that are not complete, the oldest first; a system sweep."""
        where = (Where("kind", Op.EQ, "integrationDeletion"), Where("status", Op.EQ, "running"))
        return await self._models.page(Query((), where, "createdAt", limit=limit, sweep=True))
