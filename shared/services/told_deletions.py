"""Deletions that a provider tells one by one: done up to a share of the shards, put aside beyond it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from shared.domain.errors import Reason
from shared.domain.model import rfc3339
from shared.domain.shards import shard_id
from shared.domain.sweeps import NEVER_HELD, ToldDeletions, deletable
from shared.domain.sync import RunProgress
from shared.ports.adapter import SourceRecord
from shared.ports.clock import Clock
from shared.ports.documents import Document, JsonObject
from shared.repositories.quarantine import QuarantineRepository
from shared.repositories.shards import ShardRepository
from shared.services.page_intake import PageContext

SHARDS_AT_ONCE = 100
"""Whole shards, of up to 2 MB each."""

_HELD = Reason(
    "deletion_held",
    None,
    "More is gone at the source than may be deleted unasked; confirm the run's deletions, or discard this.",
)


@dataclass(frozen=True, slots=True)
class Admission:
    """What of a page may be stored.

    Attributes:
        records: All but the deletions that are put aside.
        told: What the run knows now.
        held: The ids of those deletions' shards.
        entries: What is to be written to quarantine for them.
    """

    records: Sequence[SourceRecord]
    told: ToldDeletions | None
    held: frozenset[str] = frozenset()
    entries: Sequence[JsonObject] = field(default=(), repr=False)


class DeletionGuard:
    """Looks at pages with deletions before they are stored.

    A run may do as many deletions as a sweep might, and no others. What is held already, by an earlier run
    too, stays so when it is told again: else a source that repeats itself would have it all done in the end.
    """

    def __init__(self, shards: ShardRepository, entries: QuarantineRepository, clock: Clock) -> None:
        self._shards = shards
        self._entries = entries
        self._clock = clock

    async def admit(
        self, page: PageContext, records: Sequence[SourceRecord], progress: RunProgress, *, has_entries: bool
    ) -> Admission:
        """Return what of a page may be stored. After a crash in the middle of it the answer is the same.

        Args:
            page: Where the records belong.
            records: The page's.
            progress: How far the run was before it.
            has_entries: False if the entity has nothing in quarantine.

        Raises:
            LeaseLostError: The lease ran out while shards were counted.
        """
        if not any(record.deleted for record in records):
            return Admission(records, progress.told)
        told = _deletions(page, records)
        few = not has_entries and progress.counts.deleted + len(told) <= NEVER_HELD
        if few or _percent(page) == 100:  # noqa: PLR2004 - all of them
            return Admission(records, progress.told)
        gone = await self._gone(page, told)
        earlier = await self._held_earlier(page, gone) if has_entries else {}
        fresh = [key for key in gone if key not in earlier]
        known = await self._counted(page, progress, len(fresh))
        room = max(0, deletable(known.live, _percent(page)) - progress.counts.deleted)
        held = {key: told[key] for key in (*earlier, *fresh[room:])}
        new = [key for key in held if not _told_before(page, earlier.get(key))]
        left_out = {record.external_id for record in held.values()}
        return Admission(
            [record for record in records if not (record.deleted and record.external_id in left_out)],
            known.model_copy(update={"held": known.held + len(new)}),
            frozenset(held),
            [self._entry(page, key, held[key]) for key in new],
        )

    async def _gone(self, page: PageContext, told: Mapping[str, SourceRecord]) -> list[str]:
        """Return which deletions concern a live shard, or one that this very page deleted before a crash."""
        mapping = page.mapping
        shards = await self._shards.read_origins(page.tenant_id, mapping.shard_type_id, list(told))
        return [
            key
            for key in told
            if (shard := shards.get(key))
            and (not shard.body["deletedAt"] or _written_by(page, shard.body["source"]))
        ]

    async def _held_earlier(self, page: PageContext, gone: Sequence[str]) -> dict[str, Document]:
        """Return the entries of deletions that are held already, by this page before a crash too."""
        found = await self._entries.outlines(page.tenant_id, gone)
        return {key: entry for key, entry in found.items() if entry.body["heldBy"] is not None}

    async def _counted(self, page: PageContext, progress: RunProgress, fresh: int) -> ToldDeletions:
        """Count the entity's live shards until so many more deletions are known to be few among them."""
        known, percent = progress.told or ToldDeletions(), _percent(page)
        wanted = progress.counts.deleted + fresh
        while percent and not known.all_counted and wanted > deletable(known.live, percent):
            page.lease.check()
            found = await self._shards.of_entity(
                page.tenant_id,
                page.mapping.shard_type_id,
                page.integration_id,
                page.mapping.entity,
                known.after,
                SHARDS_AT_ONCE,
            )
            live = sum(_was_live(page, shard.body) for shard in found.items)
            known = known.model_copy(
                update={
                    "live": known.live + live,
                    "after": found.items[-1].body["id"] if found.items else known.after,
                    "all_counted": found.continuation is None,
                }
            )
        return known

    def _entry(self, page: PageContext, key: str, record: SourceRecord) -> JsonObject:
        """Return the entry of a held deletion. It never expires: the provider tells each only once."""
        now = rfc3339(self._clock.now())
        return {
            "id": key,
            "tenantId": page.tenant_id,
            "integrationId": page.integration_id,
            "executionId": page.execution_id,
            "entity": page.mapping.entity,
            "externalId": record.external_id,
            "modifiedAt": record.modified_at,
            "reasons": [asdict(_HELD)],
            "record": {},
            "heldBy": page.execution_id,
            "page": page.number,
            "ttl": -1,
            "schemaVersion": 1,
            "createdAt": now,
            "updatedAt": now,
        }


def _deletions(page: PageContext, records: Sequence[SourceRecord]) -> dict[str, SourceRecord]:
    """Return the deletions of a page by their shards' ids; of several records with one id the last counts."""
    latest = {record.external_id: record for record in records}
    return {
        shard_id(page.integration_id, page.mapping.entity, record.external_id): record
        for record in latest.values()
        if record.deleted
    }


def _percent(page: PageContext) -> int:
    return page.integration.sync_config.deletion_hold_percent


def _was_live(page: PageContext, shard: JsonObject) -> bool:
    """True for a shard that was live before the run deleted any."""
    return "deletedAt" not in shard or shard["source"]["executionId"] == page.execution_id


def _written_by(page: PageContext, source: JsonObject) -> bool:
    return (source["executionId"], source["page"]) == (page.execution_id, page.number)


def _told_before(page: PageContext, entry: Document | None) -> bool:
    """True for a deletion that an earlier page of the run has told, so that it is counted already."""
    return entry is not None and (
        entry.body["heldBy"] == page.execution_id and entry.body["page"] != page.number
    )
