"""What proves that records are gone, and what is kept as proof for later."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.errors import ConfigurationError
from shared.domain.sweeps import HeldSweep, Inventory, Sweep
from shared.domain.sync import Checkpoint, RunProgress, SyncExecution


def proofs(
    execution: SyncExecution, checkpoint: Checkpoint, progress: RunProgress, sweep: Sweep
) -> tuple[Inventory, ...]:
    """Return the readings that must all have missed a record; none if there are not enough yet.

    Raises:
        ConfigurationError: The deletions that the run is to confirm are no longer held.
    """
    if execution.confirms:
        if checkpoint.held is None or not checkpoint.holds(execution.confirms):
            raise ConfigurationError(f"Deletions of {checkpoint.entity} are no longer held; sync in full.")
        return checkpoint.held.inventories
    own = _inventory(execution, progress)
    if sweep is Sweep.TWICE:
        return (checkpoint.inventory, own) if checkpoint.inventory else ()
    return (own,) if sweep is Sweep.ONCE else ()


def consequences(
    execution: SyncExecution, progress: RunProgress, inventories: Sequence[Inventory], sweep: Sweep
) -> dict[str, object]:
    """Return what the checkpoint keeps of a sweep that is done.

    Args:
        execution: The run.
        progress: Its end.
        inventories: What the sweep was judged by; empty if it could not be judged.
        sweep: The entity's rule.
    """
    if execution.confirms:
        return {"held": None}
    own = _inventory(execution, progress)
    changes: dict[str, object] = {"inventory": own if sweep is Sweep.TWICE else None}
    if inventories:
        is_held = progress.sweep is not None and progress.sweep.held
        held = HeldSweep(execution_id=execution.id, inventories=tuple(inventories)) if is_held else None
        changes["held"] = held
    return changes


def needed_runs(checkpoint: Checkpoint, ended: str) -> set[str]:
    """Return the runs whose marks are needed: as proof, or because they go on, which `ended` does not."""
    inventories = list(checkpoint.held.inventories) if checkpoint.held else []
    if checkpoint.inventory:
        inventories.append(checkpoint.inventory)
    needed = {inventory.execution_id for inventory in inventories}
    if checkpoint.run and not checkpoint.run.done and checkpoint.run.execution_id != ended:
        needed.add(checkpoint.run.execution_id)
    return needed


def _inventory(execution: SyncExecution, progress: RunProgress) -> Inventory:
    return Inventory(execution_id=execution.id, pages=progress.pages, begun_at=execution.created_at)
