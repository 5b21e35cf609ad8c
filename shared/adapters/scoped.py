"""The gate that every adapter stands behind, whatever its kind (guide, "Data Access Scoping")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.domain.access import Operation as Access
from shared.domain.integration import Integration
from shared.ports.adapter import Adapter, FetchRequest, Operation, SourcePage, SourceRecord
from shared.telemetry.denials import require_entity_access


class ScopedAdapter:
    """Lets records in and out only of entities whose shards the integration may touch.

    Every method does what the adapter behind does, and raises AccessDeniedError before the provider is asked
    where the entity is not mapped, or to a shard type that is not allowed. The parents that an entity is read
    by are the adapter's own affair: their records do not come through here.

    Args:
        adapter: The one behind.
        integration: Whose line to the provider it is.
        tenant_id: For whom it works.
    """

    def __init__(self, adapter: Adapter, integration: Integration, tenant_id: str) -> None:
        self._adapter = adapter
        self._integration = integration
        self._tenant_id = tenant_id

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        """Fetch one page."""
        self._require(request.entity, "fetch")
        return await self._adapter.fetch_page(request)

    def operations(self, entity: str) -> frozenset[Operation]:
        """Return which requests an entity has, besides its list."""
        return self._adapter.operations(entity)

    async def get(self, entity: str, external_id: str) -> SourceRecord | None:
        """Return a record, or None."""
        self._require(entity, "fetch")
        return await self._adapter.get(entity, external_id)

    async def create(self, entity: str, fields: Mapping[str, Any], idempotency_key: str) -> SourceRecord:
        """Make a record."""
        self._require(entity, "send")
        return await self._adapter.create(entity, fields, idempotency_key)

    async def update(
        self, entity: str, external_id: str, fields: Mapping[str, Any], version: str | int | None
    ) -> SourceRecord:
        """Write fields of a record."""
        self._require(entity, "send")
        return await self._adapter.update(entity, external_id, fields, version)

    async def delete(self, entity: str, external_id: str, version: str | int | None) -> None:
        """Delete a record."""
        self._require(entity, "send")
        await self._adapter.delete(entity, external_id, version)

    async def search(self, entity: str, text: str, limit: int) -> Sequence[SourceRecord]:
        """Return records that hold a text."""
        self._require(entity, "fetch")
        return await self._adapter.search(entity, text, limit)

    async def close(self) -> None:
        """Close the adapter behind."""
        await self._adapter.close()

    def _require(self, entity: str, access: Access) -> None:
        require_entity_access(self._integration, self._tenant_id, entity, access)
