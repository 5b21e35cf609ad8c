"""Connections of tenants and their users."""

from __future__ import annotations

from datetime import datetime

from shared.domain.connection import Connection, ConnectionStatus
from shared.domain.errors import NotFoundError
from shared.domain.model import rfc3339
from shared.ports.documents import DocumentStore, Op, Query, Where
from shared.repositories.model_repository import ModelPage, ModelRepository


class ConnectionRepository:
    """Connections by tenant and id (`connection_id`)."""

    def __init__(self, store: DocumentStore) -> None:
        self._models = ModelRepository(store, "connections", Connection)

    async def find(self, tenant_id: str, connection_id: str) -> Connection | None:
        """Return a connection, or None."""
        return await self._models.get((tenant_id,), connection_id)

    async def get(self, tenant_id: str, connection_id: str) -> Connection:
        """Return a connection.

        Raises:
            NotFoundError: The tenant has none with this id.
        """
        found = await self.find(tenant_id, connection_id)
        if found is None:
            raise NotFoundError(f"There is no connection {connection_id}.")
        return found

    async def create(self, connection: Connection) -> Connection:
        """Store a new connection. Raises AlreadyExistsError when the id is taken."""
        return await self._models.create(connection)

    async def replace(self, connection: Connection) -> Connection:
        """Store a changed connection. Raises StaleWriteError when it was changed meanwhile."""
        return await self._models.replace(connection)

    async def delete(self, connection: Connection) -> bool:
        """Remove a connection. Raises StaleWriteError when it was changed meanwhile."""
        return await self._models.delete((connection.tenant_id,), connection)

    async def page(
        self, tenant_id: str, limit: int, continuation: str | None = None
    ) -> ModelPage[Connection]:
        """Return one page of a tenant's connections."""
        return await self._models.page(Query((tenant_id,), limit=limit, continuation=continuation))

    async def page_of(
        self, tenant_id: str, integration_id: str, limit: int, continuation: str | None = None
    ) -> ModelPage[Connection]:
        """Return one page of an integration's connections, the tenant's and its users'."""
        where = (Where("integrationId", Op.EQ, integration_id),)
        return await self._models.page(Query((tenant_id,), where, limit=limit, continuation=continuation))

    async def page_due(
        self, status: ConnectionStatus, before: datetime, limit: int, continuation: str | None = None
    ) -> ModelPage[Connection]:
        """Return every tenant's connections whose access tokens expire before a time, the first first.

        A system sweep. Those that don't know when their tokens expire are not among them.
        """
        where = (Where("status", Op.EQ, status.value), Where("expiresAt", Op.LT, rfc3339(before)))
        query = Query((), where, "expiresAt", limit=limit, continuation=continuation, sweep=True)
        return await self._models.page(query)
