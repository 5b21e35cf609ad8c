"""Taking rejected records again, with the present mapping of their entity."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.domain.errors import LeaseHeldError
from shared.domain.integration import EntityMapping, Integration
from shared.domain.mapping import CompiledMapping
from shared.domain.recency import is_as_recent
from shared.ports.adapter import SourceRecord
from shared.repositories.quarantine import QuarantineEntry, QuarantineRepository
from shared.repositories.shards import ShardRepository
from shared.resilience.lease import Lease, Leases
from shared.services.page_intake import PageContext, PageIntake


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of entries of one entity.

    Attributes:
        stored: How many became shards.
        superseded: How many have a shard that holds this version of the record or a later one already.
        codes: Why the others were rejected again.
    """

    stored: int = 0
    superseded: int = 0
    rejected: int = 0
    codes: tuple[str, ...] = ()

    def __add__(self, other: Taken) -> Taken:
        return Taken(
            self.stored + other.stored,
            self.superseded + other.superseded,
            self.rejected + other.rejected,
            tuple(sorted({*self.codes, *other.codes})),
        )

    @property
    def count(self) -> int:
        """How many entries were taken."""
        return self.stored + self.superseded + self.rejected


class Retaking:
    """Takes entries out of quarantine, under a lease that keeps syncs of their integration away."""

    def __init__(self, entries: QuarantineRepository, shards: ShardRepository, intake: PageIntake) -> None:
        self._entries = entries
        self._shards = shards
        self._intake = intake

    async def take(
        self,
        entries: Sequence[QuarantineEntry],
        integration: Integration,
        mapping: EntityMapping,
        replay_id: str,
        lease: Lease,
    ) -> Taken:
        """Take entries of one integration and entity again, and remove those that are not rejected again.

        Doing it again after a crash in the middle writes nothing twice.

        Args:
            entries: At least one; those that hold no record are the caller's to leave out.
            integration: Theirs.
            mapping: The entity's.
            replay_id: What the shards name instead of a run's id.
            lease: That of the integration's syncs.

        Raises:
            LeaseLostError: It ran out; what was done by then stays.
        """
        current = await self._not_superseded(entries, mapping)
        records = [
            SourceRecord(
                entry.external_id, entry.record or {}, entry.modified_at, deleted=entry.held_by is not None
            )
            for entry in current
        ]
        page = PageContext(integration.tenant_id, integration, replay_id, mapping, 0, lease)
        stored = await self._intake.store(page, records, CompiledMapping(mapping))
        lease.check()
        # What was rejected again was rewritten, so that its former version is not there to be removed.
        await self._entries.delete_many(page.tenant_id, entries)
        rejected = stored.counts.rejected
        codes = tuple(sorted({error.error for error in stored.quality.errors}))
        return Taken(len(current) - rejected, len(entries) - len(current), rejected, codes)

    async def _not_superseded(
        self, entries: Sequence[QuarantineEntry], mapping: EntityMapping
    ) -> list[QuarantineEntry]:
        ids = [entry.id for entry in entries]
        shards = await self._shards.read_many(entries[0].tenant_id, mapping.shard_type_id, ids)
        stored = {key: shard.body["source"]["modifiedAt"] for key, shard in shards.items()}
        return [
            entry
            for entry in entries
            # What came after a held deletion has removed its entry; some deletions don't change the version.
            if entry.held_by is not None or not is_as_recent(stored.get(entry.id), entry.modified_at)
        ]


@asynccontextmanager
async def sync_lease(leases: Leases, tenant_id: str, integration_id: str) -> AsyncIterator[Lease]:
    """Hold the lease that keeps syncs of an integration away.

    Raises:
        LeaseHeldError: A sync, or another replay, is at work.
    """
    try:
        async with leases.hold(tenant_id, f"sync.{integration_id}") as lease:
            yield lease
    except LeaseHeldError as error:
        raise LeaseHeldError(
            "A sync or a replay of this integration is at work; try again when it has ended.",
            retry_after_seconds=error.retry_after_seconds,
        ) from None
