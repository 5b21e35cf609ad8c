"""Storing the pages of a step: without too many deletions, and with what that means for quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.mapping import CompiledMapping
from shared.domain.quality import QualityTally
from shared.domain.recency import is_later
from shared.domain.shards import shard_id
from shared.domain.sweeps import ToldDeletions
from shared.domain.sync import RunProgress, SyncCounts
from shared.ports.adapter import SourceRecord
from shared.ports.documents import JsonObject
from shared.repositories.quarantine import QuarantineRepository
from shared.services.page_intake import PageContext, PageIntake
from shared.services.told_deletions import DeletionGuard
from shared.telemetry.logs import get_logger

_log = get_logger("sync")


@dataclass(frozen=True, slots=True)
class SettledPage:
    """What became of a page's records, how good they were, and what the run knows of told deletions."""

    counts: SyncCounts
    quality: QualityTally
    told: ToldDeletions | None


class GuardedIntake:
    """Gives each step its intake."""

    def __init__(self, intake: PageIntake, guard: DeletionGuard, entries: QuarantineRepository) -> None:
        self._intake = intake
        self._guard = guard
        self._entries = entries

    def begin(self) -> StepIntake:
        """Return the intake for the pages of one entity in one step."""
        return StepIntake(self._intake, self._guard, self._entries)


class StepIntake:
    """Stores the pages of one entity in one step, which is the only one at work on it.

    Quarantine is looked into once, and page by page only where the entity has something in it.
    """

    def __init__(self, intake: PageIntake, guard: DeletionGuard, entries: QuarantineRepository) -> None:
        self._intake = intake
        self._guard = guard
        self._entries = entries
        self._has_entries: bool | None = None

    async def store(
        self,
        page: PageContext,
        records: Sequence[SourceRecord],
        mapping: CompiledMapping,
        progress: RunProgress,
    ) -> SettledPage:
        """Store a page but for deletions beyond what may be done unasked, which go to quarantine.

        What has arrived leaves quarantine, unless a later version of it waits there. Storing the same page
        again, after a crash, leads to the same end and counts.

        Raises:
            AccessDeniedError, LeaseLostError, UnavailableError: As `PageIntake.store` does.
        """
        if self._has_entries is None:
            self._has_entries = await self._entries.has_any(
                page.tenant_id, page.integration_id, page.mapping.entity
            )
        admitted = await self._guard.admit(page, records, progress, has_entries=self._has_entries)
        stored = await self._intake.store(page, admitted.records, mapping)
        if self._has_entries:
            await self._release(page, admitted.records, stored.rejected | admitted.held)
        if admitted.entries:
            _log.debug("phase quarantine")
            page.lease.check()
            await self._entries.put_many(page.tenant_id, admitted.entries)
        self._has_entries = self._has_entries or bool(stored.rejected or admitted.entries)
        left_out = SyncCounts(read=len(records) - len(admitted.records))
        return SettledPage(stored.counts + left_out, stored.quality, admitted.told)

    async def _release(
        self, page: PageContext, records: Sequence[SourceRecord], kept: frozenset[str]
    ) -> None:
        """Remove the entries of what has arrived, but for the ids to be kept."""
        arrived = {
            shard_id(page.integration_id, page.mapping.entity, record.external_id): record
            for record in records
        }
        found = await self._entries.outlines(page.tenant_id, [key for key in arrived if key not in kept])
        outdated = {key: entry.etag for key, entry in found.items() if _is_outdated(entry.body, arrived[key])}
        page.lease.check()
        await self._entries.delete_versions(page.tenant_id, outdated)


def _is_outdated(entry: JsonObject, arrived: SourceRecord) -> bool:
    """True unless the entry has a later version. A record takes its deletion back, whatever its version."""
    return entry["heldBy"] is not None or not is_later(entry["modifiedAt"], arrived.modified_at)
