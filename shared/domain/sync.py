"""Runs of a sync: the message that drives one, its checkpoint and its record."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field

from shared.domain.errors import NoProgressError
from shared.domain.model import Id, StoredModel, Timestamp, WireModel
from shared.domain.quality import DataQualityMetrics, QualityTally
from shared.domain.recurrence import Recurrence
from shared.domain.shards import content_hash
from shared.domain.sweeps import HeldSweep, Inventory, SweepProgress, ToldDeletions

Watermark = str | int

MAX_REPEATED_STEPS = 3
"""How often a run may come back to where one of its steps began: once may be right, after a resync."""


class SyncMode(StrEnum):
    """`incremental` reads what changed since the watermark, `full` reads everything."""

    INCREMENTAL = "incremental"
    FULL = "full"


class Trigger(StrEnum):
    """What asked for a run."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    WEBHOOK = "webhook"


class ExecutionStatus(StrEnum):
    """A run's life. `partial`: it reached the end, and some records were rejected or deletions held."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """True once nothing more will happen in the run."""
        return self not in {ExecutionStatus.QUEUED, ExecutionStatus.RUNNING}


class SyncCounts(WireModel):
    """What became of the records of a run.

    Attributes:
        conflicts: Records that were changed on both sides; 0 in an inbound run, where the provider's counts.
        failed: Records that could not be sent; 0 in an inbound run, which puts aside (`rejected`) or fails.
    """

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    conflicts: int = 0
    failed: int = 0

    def __add__(self, other: SyncCounts) -> SyncCounts:
        mine, others = self.model_dump(by_alias=False), other.model_dump(by_alias=False)
        return SyncCounts(**{name: mine[name] + others[name] for name in mine})


class SyncMessage(WireModel):
    """One step of a run. The checkpoint says where to go on; the message only says that somebody should.

    Attributes:
        trigger: What asked for the run; it decides on the queue.
        part: Numbers the steps of a run by what was saved before it, from 1; 0 asks for whichever is next.
        attempt: How often this step has failed and was tried again.
        wait: How often it had to wait for somebody else; unlike attempts, waits have no limit.
    """

    tenant_id: Id
    integration_id: Id
    execution_id: Id
    request_id: Annotated[str, Field(max_length=128)]
    trigger: Trigger = Trigger.SCHEDULED
    part: int = 1
    attempt: int = 0
    wait: int = 0

    @property
    def message_id(self) -> str:
        """A new id for every step and every repetition, the same when a crash makes it sent twice."""
        return f"{self.execution_id}-{self.part}-{self.attempt}-{self.wait}"


class RunProgress(WireModel):
    """A run's way through one entity, saved with every page.

    Attributes:
        pages: How many pages are stored; numbers the page in hand, so that a page stored twice by a
            crash is counted once.
        position: Where the next page begins, as the adapter wrote it.
        watermark: Where the next incremental run may begin once this run is done.
        told: How many deletions may be done as told; None while there are but few.
        sweep: Every page is stored, and what is gone at the source is being removed; None before that.
        done: Nothing is left to do for the entity.
        steps: Where the steps of the run began, to notice one that does not move on.
    """

    execution_id: Id
    pages: int = 0
    position: dict[str, Any] | None = None
    watermark: Watermark | None = None
    counts: SyncCounts = SyncCounts()
    quality: QualityTally = QualityTally()
    told: ToldDeletions | None = None
    sweep: SweepProgress | None = None
    done: bool = False
    steps: Recurrence = Recurrence()

    def beginning_step(self) -> Self:
        """Return the progress with a note of where a step begins; what the step saves keeps that.

        Raises:
            NoProgressError: The run comes back to the same place again and again.
        """
        place = content_hash({"position": self.position, "watermark": self.watermark})
        steps = self.steps.after(place)
        if steps.times >= MAX_REPEATED_STEPS:
            raise NoProgressError(
                f"The run came back to the same place of the provider's data {steps.times} times, without an"
                " end: the provider repeats its positions. Correct `pagination` in its document."
            )
        return self.model_copy(update={"steps": steps})

    @property
    def held(self) -> int:
        """How many deletions wait for a tenant admin's word."""
        found = self.sweep.gone if self.sweep and self.sweep.held else 0
        return found + (self.told.held if self.told else 0)

    @property
    def saves(self) -> int:
        """How often it was saved: once a page, and then as the sweep goes on."""
        return self.pages + (self.sweep.saves if self.sweep else 0)


class Checkpoint(StoredModel):
    """How far one entity of an integration has been synced.

    `watermark` is that of the last run that reached its end; `fencing_token` that of the lease under
    which the checkpoint was last written; `source` a hash of what was read and how it was mapped;
    `deletions_since` takes the watermark's place where everything is to be read again: what is stored was
    there at that time, and may be gone since;
    `inventory` the last complete reading, where the next one needs it; `held` deletions to be confirmed.
    """

    tenant_id: Id
    integration_id: Id
    entity: Id
    watermark: Watermark | None = None
    deletions_since: Watermark | None = None
    run: RunProgress | None = None
    fencing_token: int = 0
    source: str | None = None
    inventory: Inventory | None = None
    held: HeldSweep | None = None

    def reading(self, source: str) -> Self:
        """Return the checkpoint for a source: another server or mapping is read from its beginning."""
        if self.source == source:
            return self
        return self.changed(source=source, inventory=None, held=None, **self._read_again(), run=None)

    def for_run(self, execution_id: str) -> Self:
        """Return the checkpoint for a run. The one before may have ended on its way, with pages stored."""
        if self.run is None or self.run.execution_id == execution_id:
            return self
        return self if self.watermark is not None else self.changed(**self._read_again())

    def forgotten(self) -> Self:
        """Return the checkpoint where the provider no longer knows the watermark."""
        return self.changed(**self._read_again())

    def _read_again(self) -> dict[str, Watermark | None]:
        """Return the watermarks of what is read from its beginning, while shards of it are there already.

        A first load that has not ended has stored its pages after the moment that its watermark is held to.
        """
        known = self.watermark if self.watermark is not None else self.deletions_since
        if known is None and self.run is not None:
            known = self.run.watermark
        return {"watermark": None, "deletions_since": known}

    def holds(self, execution_id: str) -> bool:
        """True while what a run's sweep has held waits to be confirmed."""
        return self.held is not None and self.held.execution_id == execution_id

    def progress_of(self, execution_id: str) -> RunProgress:
        """Return the progress of a run: what is saved of it, or a fresh start."""
        if self.run and self.run.execution_id == execution_id:
            return self.run
        return RunProgress(execution_id=execution_id)


class ActiveRun(StoredModel):
    """Which run of an integration is the one: written on condition, so that no two are started at once.

    `follow_up` is the request id of a webhook that came while the run was reading: another run is to follow.
    """

    tenant_id: Id
    integration_id: Id
    execution_id: Id
    follow_up: Annotated[str, Field(max_length=128)] | None = None


class ExecutionError(WireModel):
    """Why a run failed or holds deletions: a stable code, and a sentence that says what to do."""

    code: str
    message: str


class SyncExecution(StoredModel):
    """The record of one run. A run that nobody has written to by `expected_by` has lost its message.

    `held_deletions` counts, by entity, what the run found or was told gone and did not delete; `confirms` is
    set where a run only deletes what that other run has held. `request_units` is what the store charged for
    its steps, up to the last note of each (Cosmos DB's RU; 0 where the store charges nothing); a step that
    failed is left out.
    """

    tenant_id: Id
    integration_id: Id
    trigger: Trigger
    mode: SyncMode
    entities: tuple[Id, ...]
    status: ExecutionStatus = ExecutionStatus.QUEUED
    counts: SyncCounts = SyncCounts()
    quality: DataQualityMetrics | None = None
    error: ExecutionError | None = None
    held_deletions: dict[Id, int] = {}
    confirms: Id | None = None
    request_units: float = 0
    request_id: str
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    expected_by: Timestamp
