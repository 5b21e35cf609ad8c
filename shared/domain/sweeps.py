"""Sweeps: finding out which shards have no record at the source any more, and how far that is."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from pydantic import Field

from shared.domain.model import Id, Timestamp, WireModel

NEVER_HELD = 10
"""So many deletions or fewer are never held: a share of a small set says nothing."""


class Sweep(Enum):
    """In how many complete readings in a row a record must be missing before it counts as gone."""

    NEVER = 0
    ONCE = 1
    TWICE = 2


class Inventory(WireModel):
    """One complete reading of an entity, from the first page to the last; its seen marks are kept.

    `begun_at` is when its run was asked for: what was written since then it says nothing about.
    """

    execution_id: Id
    pages: int
    begun_at: Timestamp


class HeldSweep(WireModel):
    """Deletions that wait for a tenant admin's word, as the inventories that prove them."""

    execution_id: Id
    inventories: Annotated[tuple[Inventory, ...], Field(min_length=1)]


class SweepProgress(WireModel):
    """How far a run's sweep of one entity is: first its shards are counted, then the gone ones removed.

    Attributes:
        saves: How often it was saved; numbers the run's steps, as pages do.
        after: Id of the last shard that was looked at.
        live: Live shards counted so far.
        gone: Those of them without a record at the source.
        removing: The count is done, and gone shards become tombstones.
        held: The count was done, and nothing is deleted until somebody confirms it.
    """

    saves: int = 0
    after: str | None = None
    live: int = 0
    gone: int = 0
    removing: bool = False
    held: bool = False

    def exceeds(self, percent: int) -> bool:
        """True if more than this share of the live shards is gone, and more than a handful."""
        return self.gone > NEVER_HELD and self.gone * 100 > percent * self.live
