"""Quarantine: records that were not taken, kept with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.domain.errors import NotFoundError, Reason
from shared.domain.malformed import MALFORMED_CODES, NAMELESS_CODES
from shared.domain.model import Id, StoredModel
from shared.domain.shards import entity_id_range
from shared.ports.documents import Delete, Document, DocumentStore, JsonObject, Op, Put, Query, Where
from shared.repositories.model_repository import ModelPage, ModelRepository

_CONTAINER = "quarantine"
_MAX_ID = 1000
_OUTLINE = ("modifiedAt", "heldBy", "page")


class QuarantineEntry(StoredModel):
    """A rejected record or a held deletion, under the id that its shard has or would have.

    `record` is None where no document can hold it; `external_id` may then be shortened. `held_by` is the run
    that holds a deletion, for as long as it takes, and `page` the number of the page that told it.
    """

    id: str
    tenant_id: Id
    integration_id: Id
    execution_id: Id
    entity: Id
    external_id: str
    modified_at: str | int | None = None
    reasons: tuple[Reason, ...]
    record: dict[str, Any] | None = None
    held_by: Id | None = None
    page: int | None = None

    @property
    def is_malformed(self) -> bool:
        """True where the record is not what the provider's document says, whatever its mapping."""
        return any(reason.code in MALFORMED_CODES for reason in self.reasons)

    @property
    def is_nameless(self) -> bool:
        """True where it has no id either; `external_id` is made of its content."""
        return any(reason.code in NAMELESS_CODES for reason in self.reasons)


class QuarantineRepository:
    """Rejected records by tenant and id."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self._models = ModelRepository(store, _CONTAINER, QuarantineEntry)

    async def get(self, tenant_id: str, entry_id: str) -> QuarantineEntry:
        """Return a tenant's entry.

        Raises:
            NotFoundError: The tenant has none with this id, or it is older than 30 days.
        """
        found = await self._models.get((tenant_id,), entry_id)
        if found is None:
            raise NotFoundError("There is no such record in quarantine; they are kept for 30 days.")
        return found

    async def page_of(
        self, tenant_id: str, integration_id: str, limit: int, continuation: str | None
    ) -> ModelPage[QuarantineEntry]:
        """Return one page of an integration's entries, the newest first."""
        where = (Where("integrationId", Op.EQ, integration_id),)
        query = Query(
            (tenant_id,), where, "createdAt", descending=True, limit=limit, continuation=continuation
        )
        return await self._models.page(query)

    async def oldest_of(
        self, tenant_id: str, integration_id: str, until: str, limit: int, continuation: str | None
    ) -> ModelPage[QuarantineEntry]:
        """Return one page of an integration's entries that were written up to a time, the oldest first."""
        where = (Where("integrationId", Op.EQ, integration_id), Where("createdAt", Op.LE, until))
        query = Query((tenant_id,), where, "createdAt", limit=limit, continuation=continuation)
        return await self._models.page(query)

    async def has_any(self, tenant_id: str, integration_id: str, entity: str) -> bool:
        """Tell whether an entity has entries."""
        first, end = entity_id_range(integration_id, entity)
        where = (Where("id", Op.GE, first), Where("id", Op.LT, end))
        return bool((await self._store.query(_CONTAINER, Query((tenant_id,), where, limit=1))).items)

    async def held_by(
        self,
        tenant_id: str,
        execution_id: str,
        integration_id: str,
        entity: str,
        after: str | None,
        limit: int,
    ) -> tuple[QuarantineEntry, ...]:
        """Return deletions of an entity that a run holds, in order of their ids, from behind `after` on."""
        first, end = entity_id_range(integration_id, entity)
        begin = Where("id", Op.GT, after) if after else Where("id", Op.GE, first)
        where = (Where("heldBy", Op.EQ, execution_id), begin, Where("id", Op.LT, end))
        return (await self._models.page(Query((tenant_id,), where, limit=limit))).items

    async def outlines(self, tenant_id: str, ids: Sequence[str]) -> Mapping[str, Document]:
        """Return `modifiedAt`, `heldBy` and `page` of those of the entries that exist, by id."""
        return await self._store.read_many(_CONTAINER, (tenant_id,), ids, _OUTLINE)

    async def delete(self, entry: QuarantineEntry) -> None:
        """Remove the version of an entry that was read. Raises StaleWriteError if it was rewritten since."""
        await self._models.delete((entry.tenant_id,), entry)

    async def delete_many(self, tenant_id: str, entries: Sequence[QuarantineEntry]) -> None:
        """Remove the versions of entries that were read; those that were rewritten since stay."""
        await self.delete_versions(tenant_id, {entry.id: entry.etag for entry in entries})

    async def delete_versions(self, tenant_id: str, etags: Mapping[str, str | None]) -> None:
        """Remove these versions of entries, by id; those that were rewritten since stay."""
        if etags:
            deletes = [Delete(entry_id, etag) for entry_id, etag in etags.items()]
            await self._store.write_many(_CONTAINER, (tenant_id,), deletes)

    async def put_many(self, tenant_id: str, entries: Sequence[JsonObject]) -> None:
        """Store entries; one that is there already, from the same record, is replaced.

        A record that no document can hold is left out of its entry: the reason and the id stay.
        """
        if not entries:
            return
        oversized = await self._write(tenant_id, entries)
        if oversized:
            await self._write(tenant_id, [_shortened(entry) for entry in entries if entry["id"] in oversized])

    async def _write(self, tenant_id: str, entries: Sequence[JsonObject]) -> set[str]:
        results = await self._store.write_many(_CONTAINER, (tenant_id,), [Put(entry) for entry in entries])
        return {result.id for result in results if result.outcome == "too_large"}


def _shortened(entry: JsonObject) -> JsonObject:
    return {**entry, "record": None, "externalId": entry["externalId"][:_MAX_ID]}
