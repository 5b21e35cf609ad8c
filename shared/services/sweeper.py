"""The sweep: what a complete reading of an entity has not seen is gone at its source; its shard says so.

Unchanged records cost no write, so shards don't tell which run has seen them: each page leaves marks of its
ids. After the last page the sweep walks the entity's shards twice: once to count, so that it can be held when
it would delete too much, and once to delete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.integration import EntityMapping
from shared.domain.model import rfc3339
from shared.domain.seen_set import SeenSet
from shared.domain.shards import TOMBSTONE, shard_id
from shared.domain.sweep_proofs import consequences, needed_runs, proofs
from shared.domain.sweeps import Inventory, Sweep, SweepProgress
from shared.domain.sync import Checkpoint, RunProgress, SyncCounts, SyncExecution
from shared.ports.adapter import SourceRecord
from shared.ports.clock import Clock
from shared.ports.documents import Document, JsonObject, Put
from shared.repositories.seen_marks import MarkedRun, SeenMarks
from shared.repositories.shards import ShardRepository
from shared.services.page_intake import PageContext
from shared.services.run_checkpoints import RunCheckpoints, mapping_of
from shared.services.sync_step import Step
from shared.telemetry.denials import require_access
from shared.telemetry.logs import get_logger

SHARDS_AT_ONCE = 100
"""Whole shards, of up to 2 MB each."""

BATCHES_PER_SAVE = 20
"""A crash costs another look at so many batches of shards; saving after each would cost a write for each."""

_log = get_logger("sync")


@dataclass(frozen=True, slots=True)
class _Search:
    """What is looked for: live shards that no inventory has seen, and nobody has written since the first.

    `page` is the number after the run's last page: tombstones carry it, so that each is counted once.
    """

    step: Step
    mapping: EntityMapping
    seen: SeenSet
    begun_at: str
    page: int

    def is_gone(self, shard: Document) -> bool:
        body = shard.body
        return "deletedAt" not in body and body["updatedAt"] < self.begun_at and body["id"] not in self.seen

    def has_removed(self, shard: Document) -> bool:
        """True for a tombstone that this sweep has made, before a crash."""
        source = shard.body["source"]
        return (source["executionId"], source["page"]) == (self.step.execution.id, self.page)


@dataclass(slots=True)
class _Walk:
    """A way over some batches of shards, and what was found on it."""

    sweep: SweepProgress
    deleted: int = 0
    at_end: bool = False


class Sweeper:
    """Marks what pages speak of, and sweeps once the last is stored.

    Args:
        shards, marks, checkpoints: Where the documents are.
        clock: Time.
        batches_per_save: After how many batches of shards a sweep's place is saved.
    """

    def __init__(
        self,
        shards: ShardRepository,
        marks: SeenMarks,
        checkpoints: RunCheckpoints,
        clock: Clock,
        batches_per_save: int = BATCHES_PER_SAVE,
    ) -> None:
        self._shards = shards
        self._marks = marks
        self._checkpoints = checkpoints
        self._clock = clock
        self._batches_per_save = batches_per_save

    async def mark(self, page: PageContext, records: Sequence[SourceRecord]) -> None:
        """Remember what a page speaks of, rejected records too; call it before the page's checkpoint.

        A page with a nameless record leaves nothing: any shard may be that record's, so that the reading
        proves nothing.

        Raises:
            LeaseLostError: Somebody else has gone on with the run.
        """
        if any(record.is_nameless for record in records):
            return
        entity = page.mapping.entity
        ids = [shard_id(page.integration_id, entity, record.external_id) for record in records]
        page.lease.check()
        run = MarkedRun(page.tenant_id, page.integration_id, entity, page.execution_id)
        await self._marks.put(run, page.number, ids, page.lease.fencing_token)

    async def go_on(self, step: Step, checkpoint: Checkpoint, sweep: Sweep) -> RunProgress:
        """Do one step of an entity's sweep; return how far it is.

        Raises:
            ConfigurationError: The deletions that the run is to confirm are no longer held.
            LeaseLostError: Somebody else has gone on with the run.
        """
        progress = _begun(checkpoint.progress_of(step.execution.id), step.execution)
        inventories = proofs(step.execution, checkpoint, progress, sweep)
        search = await self._search(step, checkpoint, progress, inventories)
        if search is None:
            inventories = ()
        while True:
            progress = await self._advanced(search, progress) if search else _left_out(progress)
            changes = consequences(step.execution, progress, inventories, sweep) if progress.done else {}
            checkpoint = await self._checkpoints.save(checkpoint, progress, step.lease, **changes)
            if progress.done or await step.end.is_reached():
                return progress

    async def tidy(self, tenant_id: str, integration_id: str, ended: str) -> None:
        """Remove the marks that nothing needs any more; `ended` is a run that has no use for its own."""
        async for run in self._marks.runs(tenant_id, integration_id):
            checkpoint = await self._checkpoints.stored(tenant_id, integration_id, run.entity)
            if run.execution_id not in needed_runs(checkpoint, ended):
                await self._marks.remove(run)

    async def _search(
        self, step: Step, checkpoint: Checkpoint, progress: RunProgress, inventories: Sequence[Inventory]
    ) -> _Search | None:
        """Return what to look for, or None if nothing proves what is gone."""
        if not inventories:
            return None
        entity = checkpoint.entity
        seen = await self._marks.load(checkpoint.tenant_id, checkpoint.integration_id, entity, inventories)
        if seen is None:
            _log.warning("A reading was not complete, so nothing is deleted by it")
            return None
        begun_at = rfc3339(min(inventory.begun_at for inventory in inventories))
        return _Search(step, mapping_of(step.integration, entity), seen, begun_at, progress.pages)

    async def _advanced(self, search: _Search, progress: RunProgress) -> RunProgress:
        before = progress.sweep or SweepProgress()
        walk = await self._walked(search, before)
        sweep = walk.sweep.model_copy(update={"saves": before.saves + 1})
        if walk.at_end and not sweep.removing:
            percent = search.step.integration.sync_config.deletion_hold_percent
            sweep = _judged(sweep, percent, told=progress.counts.deleted)
        done = walk.at_end and (before.removing or not sweep.removing)
        counts = progress.counts + SyncCounts(deleted=walk.deleted)
        return progress.model_copy(update={"sweep": sweep, "counts": counts, "done": done})

    async def _walked(self, search: _Search, sweep: SweepProgress) -> _Walk:
        walk = _Walk(sweep)
        integration = search.step.integration
        for _ in range(self._batches_per_save):
            _log.debug("phase sweep")
            page = await self._shards.of_entity(
                integration.tenant_id,
                search.mapping.shard_type_id,
                integration.id,
                search.mapping.entity,
                walk.sweep.after,
                SHARDS_AT_ONCE,
            )
            await self._look_at(search, walk, page.items)
            walk.at_end = page.continuation is None
            if walk.at_end:
                break
        return walk

    async def _look_at(self, search: _Search, walk: _Walk, shards: Sequence[Document]) -> None:
        gone = [shard for shard in shards if search.is_gone(shard)]
        changes: dict[str, object] = {"after": shards[-1].body["id"]} if shards else {}
        if walk.sweep.removing:
            walk.deleted += sum(map(search.has_removed, shards)) + await self._remove(search, gone)
        else:
            changes["live"] = walk.sweep.live + sum("deletedAt" not in shard.body for shard in shards)
            changes["gone"] = walk.sweep.gone + len(gone)
        walk.sweep = walk.sweep.model_copy(update=changes)

    async def _remove(self, search: _Search, gone: Sequence[Document]) -> int:
        """Turn shards into tombstones; one that somebody writes at this moment is left alone.

        Raises:
            AccessDeniedError: The integration may not touch such shards.
        """
        if not gone:
            return 0
        integration, shard_type = search.step.integration, search.mapping.shard_type_id
        require_access(integration, search.step.execution.tenant_id, shard_type, "store")
        search.step.lease.check()
        writes = [Put(self._tombstone(search, shard.body), if_match=shard.etag) for shard in gone]
        results = await self._shards.write_many(integration.tenant_id, shard_type, writes)
        return sum(result.outcome == "written" for result in results)

    def _tombstone(self, search: _Search, shard: JsonObject) -> JsonObject:
        now = rfc3339(self._clock.now())
        source = {
            **shard["source"],
            "hash": TOMBSTONE,
            "fingerprint": TOMBSTONE,
            "executionId": search.step.execution.id,
            "page": search.page,
            "outcome": "deleted",
        }
        return {**shard, "updatedAt": now, "deletedAt": now, "data": {}, "source": source}


def _begun(progress: RunProgress, execution: SyncExecution) -> RunProgress:
    """Return the progress of a sweep. One that was confirmed has been counted already."""
    if progress.sweep:
        return progress
    return progress.model_copy(update={"sweep": SweepProgress(removing=execution.confirms is not None)})


def _left_out(progress: RunProgress) -> RunProgress:
    """Return the progress of a sweep that is done because nothing proves what is gone."""
    sweep = progress.sweep or SweepProgress()
    return progress.model_copy(
        update={"sweep": sweep.model_copy(update={"saves": sweep.saves + 1}), "done": True}
    )


def _judged(sweep: SweepProgress, hold_percent: int, told: int) -> SweepProgress:
    """Return what follows from the count: nothing to do, deletions from the first shard on, or held ones."""
    held = sweep.exceeds(hold_percent, told)
    return sweep.model_copy(update={"after": None, "held": held, "removing": sweep.gone > 0 and not held})
