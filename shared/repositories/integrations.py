"""Integrations of tenants."""

from __future__ import annotations

from datetime import datetime

from shared.domain.errors import NotFoundError
from shared.domain.integration import Integration, IntegrationStatus
from shared.domain.model import rfc3339
from shared.ports.documents import DocumentStore, Op, Query, Where
from shared.repositories.model_repository import ModelPage, ModelRepository


class IntegrationRepository:
    """Integrations by tenant and id."""

    def __init__(self, store: DocumentStore) -> None:
        self._models = ModelRepository(store, "integrations", Integration)

    async def find(self, tenant_id: str, integration_id: str) -> Integration | None:
        """Return a tenant's integration, or None."""
        return await self._models.get((tenant_id,), integration_id)

    async def get(self, tenant_id: str, integration_id: str) -> Integration:
        """Return a tenant's integration.

        Raises:
            NotFoundError: The tenant has none with this id.
        """
        found = await self.find(tenant_id, integration_id)
        if found is None:
            raise NotFoundError(
                f"There is no integration {integration_id}; GET /api/integrations lists them."
            )
        return found

    async def create(self, integration: Integration) -> Integration:
        """Store a new integration. Raises AlreadyExistsError when the id is taken."""
        return await self._models.create(integration)

    async def replace(self, integration: Integration) -> Integration:
        """Store a changed integration. Raises StaleWriteError when it was changed meanwhile."""
        return await self._models.replace(integration)

    async def delete(self, integration: Integration) -> bool:
        """Remove an integration. Raises StaleWriteError when it was changed meanwhile."""
        return await self._models.delete((integration.tenant_id,), integration)

    async def page(
        self, tenant_id: str, limit: int, continuation: str | None = None
    ) -> ModelPage[Integration]:
        """Return one page of a tenant's integrations."""
        return await self._models.page(Query((tenant_id,), limit=limit, continuation=continuation))

    async def page_of_all(self, limit: int, continuation: str | None = None) -> ModelPage[Integration]:
        """Return one page of every tenant's integrations; a system sweep."""
        return await self._models.page(Query((), limit=limit, continuation=continuation, sweep=True))

    async def page_of_provider(self, provider_id: str, limit: int) -> ModelPage[Integration]:
        """Return integrations of every tenant that use a provider; a system sweep."""
        where = (Where("providerId", Op.EQ, provider_id),)
        return await self._models.page(Query((), where, limit=limit, sweep=True))

    async def page_due(self, now: datetime, limit: int) -> ModelPage[Integration]:
        """Return every tenant's active integrations that are due, the longest due first; a system sweep."""
        where = (
            Where("status", Op.EQ, IntegrationStatus.ACTIVE.value),
            Where("nextSyncAt", Op.LE, rfc3339(now)),
        )
        return await self._models.page(Query((), where, order_by="nextSyncAt", limit=limit, sweep=True))
