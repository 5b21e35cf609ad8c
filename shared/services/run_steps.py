"""How a run's progress through an entity changes with what it reads."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.errors import ProviderContractError, ResyncRequiredError
from shared.domain.integration import EntityMapping
from shared.domain.sweeps import SweepProgress
from shared.domain.sync import Checkpoint, RunProgress, SyncMode
from shared.ports.adapter import FetchRequest, SourcePage
from shared.services.guarded_intake import SettledPage


def next_part(progress: Sequence[RunProgress]) -> int:
    """Number a step by what was saved before it: a step that is done twice is found to be done."""
    return 1 + sum(entity.saves for entity in progress)


def first_request(
    mode: SyncMode, mapping: EntityMapping, checkpoint: Checkpoint, progress: RunProgress, page_size: int
) -> FetchRequest:
    """Return what a step asks for first.

    A run that reads everything still asks for the deletions since the last one: its list does not show them.
    """
    watermark = None if mode is SyncMode.FULL else checkpoint.watermark
    known = checkpoint.deletions_since if checkpoint.watermark is None else checkpoint.watermark
    return FetchRequest(
        entity=mapping.entity,
        watermark=watermark,
        position=progress.position,
        page_size=page_size,
        fields=mapping.fields_read(),
        deletions_since=known if watermark is None else None,
    )


def from_the_beginning(
    checkpoint: Checkpoint, progress: RunProgress, error: ResyncRequiredError
) -> RunProgress:
    """Return the progress of a run whose provider no longer knows where it was: it reads everything again.

    Raises:
        ProviderContractError: It was at the beginning already.
    """
    if checkpoint.watermark is None and progress.position is None:
        raise ProviderContractError(f"The provider refuses even to start from the beginning: {error}")
    return progress.model_copy(update={"pages": progress.pages + 1, "position": None, "watermark": None})


def advanced(progress: RunProgress, page: SourcePage, stored: SettledPage, *, swept: bool) -> RunProgress:
    """Return the progress after a page; `swept` if the entity is to be swept after its last one."""
    last = page.next_position is None
    return RunProgress(
        execution_id=progress.execution_id,
        pages=progress.pages + 1,
        position=dict(page.next_position) if page.next_position is not None else None,
        watermark=page.watermark if page.watermark is not None else progress.watermark,
        counts=progress.counts + stored.counts,
        quality=progress.quality + stored.quality,
        told=stored.told,
        sweep=SweepProgress() if last and swept else None,
        done=last and not swept,
        steps=progress.steps,
    )
