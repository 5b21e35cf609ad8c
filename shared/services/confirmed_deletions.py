"""Deletions that somebody has confirmed: those that a run was told, and those that its sweep has found."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.mapping import CompiledMapping
from shared.domain.sweeps import Sweep
from shared.domain.sync import Checkpoint, RunProgress, SyncCounts
from shared.ports.adapter import SourceRecord
from shared.repositories.quarantine import QuarantineEntry, QuarantineRepository
from shared.services.page_intake import PageIntake
from shared.services.run_checkpoints import RunCheckpoints, mapping_of
from shared.services.sweeper import Sweeper
from shared.services.sync_step import Step

BATCH_SIZE = 250
"""Deletions that are done in one go, and after which a run's place is saved."""


class ConfirmedDeletions:
    """Does what a run has held, in a run of its own.

    The entries of told deletions are removed once all of them are done and counted: a crash in between finds
    them again, and the shards that the same page has deleted.
    """

    def __init__(
        self,
        entries: QuarantineRepository,
        intake: PageIntake,
        sweeper: Sweeper,
        checkpoints: RunCheckpoints,
    ) -> None:
        self._entries = entries
        self._intake = intake
        self._sweeper = sweeper
        self._checkpoints = checkpoints

    async def go_on(self, step: Step, checkpoint: Checkpoint, held_by: str, sweep: Sweep) -> RunProgress:
        """Do one step of what a run has held of an entity; return how far it is.

        Raises:
            ConfigurationError: Nothing is held any more.
            LeaseLostError: Somebody else has gone on with the run.
        """
        progress = checkpoint.progress_of(step.execution.id)
        while progress.sweep is None and (batch := await self._batch(checkpoint, held_by, progress)):
            progress = await self._done(step, checkpoint, progress, batch)
            checkpoint = await self._checkpoints.save(checkpoint, progress, step.lease)
            if await step.end.is_reached():
                return progress
        await self._tidy(step, checkpoint, held_by)
        if checkpoint.holds(held_by) or not progress.pages:
            return await self._sweeper.go_on(step, checkpoint, sweep)
        progress = progress.model_copy(update={"done": True})
        await self._checkpoints.save(checkpoint, progress, step.lease)
        return progress

    async def _batch(
        self, checkpoint: Checkpoint, held_by: str, progress: RunProgress | None = None
    ) -> Sequence[QuarantineEntry]:
        after = progress.position["after"] if progress and progress.position else None
        return await self._entries.held_by(
            checkpoint.tenant_id, held_by, checkpoint.integration_id, checkpoint.entity, after, BATCH_SIZE
        )

    async def _done(
        self, step: Step, checkpoint: Checkpoint, progress: RunProgress, batch: Sequence[QuarantineEntry]
    ) -> RunProgress:
        mapping = mapping_of(step.integration, checkpoint.entity)
        records = [SourceRecord(entry.external_id, {}, entry.modified_at, deleted=True) for entry in batch]
        page = step.page(mapping, progress.pages)
        stored = await self._intake.store(page, records, CompiledMapping(mapping))
        return progress.model_copy(
            update={
                "pages": progress.pages + 1,
                "position": {"after": batch[-1].id},
                "counts": progress.counts + SyncCounts(deleted=stored.counts.deleted),
            }
        )

    async def _tidy(self, step: Step, checkpoint: Checkpoint, held_by: str) -> None:
        """Remove the entries of what is done; somebody may have discarded or replayed some meanwhile."""
        while batch := await self._batch(checkpoint, held_by):
            step.lease.check()
            await self._entries.delete_many(checkpoint.tenant_id, batch)
