"""Shards. Documents as they are, not models: a sync moves them by the hundred thousand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.domain.shards import ORIGIN_FIELDS, entity_id_range, shard_id_range
from shared.ports.documents import (
    Changes,
    Document,
    DocumentStore,
    Op,
    Page,
    Query,
    Where,
    Write,
    WriteResult,
)

_CONTAINER = "shards"


class ShardRepository:
    """Shards by tenant, shard type and id."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store

    async def read_many(
        self, tenant_id: str, shard_type_id: str, ids: Sequence[str]
    ) -> Mapping[str, Document]:
        """Return those of the shards that exist, tombstones included, by id."""
        return await self._store.read_many(_CONTAINER, (tenant_id, shard_type_id), ids)

    async def read_origins(
        self, tenant_id: str, shard_type_id: str, ids: Sequence[str]
    ) -> Mapping[str, Document]:
        """Return, of those of the shards that exist, what a record is compared with, by id."""
        return await self._store.read_many(_CONTAINER, (tenant_id, shard_type_id), ids, ORIGIN_FIELDS)

    async def changes(self, tenant_id: str, since: str | None, limit: int) -> Changes:
        """Return a tenant's shards in the order of their last writes, tombstones too."""
        return await self._store.changes(_CONTAINER, (tenant_id,), since, limit)

    async def write_many(
        self, tenant_id: str, shard_type_id: str, writes: Sequence[Write]
    ) -> Sequence[WriteResult]:
        """Write shards of one type; a result for each, in order."""
        return await self._store.write_many(_CONTAINER, (tenant_id, shard_type_id), writes)

    async def find(self, tenant_id: str, shard_id: str, shard_type_id: str | None = None) -> Document | None:
        """Return a live shard, or None. Naming its type makes this a point read."""
        if shard_type_id is not None:
            found = await self._store.get(_CONTAINER, (tenant_id, shard_type_id), shard_id)
        else:
            query = Query((tenant_id,), (Where("id", Op.EQ, shard_id),), limit=1)
            found = next(iter((await self._store.query(_CONTAINER, query)).items), None)
        return found if found and _is_live(found) else None

    async def page_of(
        self, tenant_id: str, shard_type_id: str, integration_id: str, limit: int, continuation: str | None
    ) -> Page:
        """Return one page of an integration's live shards of one type, by id.

        Tombstones are left out after reading, so that a page may hold fewer than `limit` before the last.
        """
        first, end = shard_id_range(integration_id)
        where = (Where("id", Op.GE, first), Where("id", Op.LT, end))
        query = Query((tenant_id, shard_type_id), where, limit=limit, continuation=continuation)
        page = await self._store.query(_CONTAINER, query)
        return Page(tuple(document for document in page.items if _is_live(document)), page.continuation)

    async def of_entity(
        self,
        tenant_id: str,
        shard_type_id: str,
        integration_id: str,
        entity: str,
        after: str | None,
        limit: int,
    ) -> Page:
        """Return a page of an entity's shards of one type in order of their ids, tombstones included.

        It begins behind the id `after`, or with the first shard. The last page has no continuation.
        """
        first, end = entity_id_range(integration_id, entity)
        begin = Where("id", Op.GT, after) if after else Where("id", Op.GE, first)
        query = Query((tenant_id, shard_type_id), (begin, Where("id", Op.LT, end)), limit=limit)
        return await self._store.query(_CONTAINER, query)


def _is_live(document: Document) -> bool:
    return "deletedAt" not in document.body
