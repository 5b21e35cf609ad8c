"""Quarantine: records that could not be taken, kept with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from shared.ports.documents import DocumentStore, JsonObject, Put

_CONTAINER = "quarantine"
_MAX_ID = 1000


class QuarantineRepository:
    """Rejected records by tenant and id."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store

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
