"""What is gone at the source: found out by a sweep or told by the provider, and how much is too much."""

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


class ToldDeletions(WireModel):
    """What a run knows of its entity's shards once its provider has told more than NEVER_HELD deletions.

    Attributes:
        live: Shards that were live before the run deleted any, counted only as far as was needed.
        after: Id of the last shard that was looked at.
        all_counted: There is none behind it.
        held: Deletions that were put aside.
    """

    live: int = 0
    after: str | None = None
    all_counted: bool = False
    held: int = 0


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

    def exceeds(self, percent: int, told: int = 0) -> bool:
        """True if more than may be deleted at once is gone, with those that the provider has told before."""
        return self.gone + told > deletable(self.live + told, percent)


def deletable(live: int, percent: int) -> int:
    """Return how many of so many live shards may be deleted at once: a share, but at least a handful."""
    return max(NEVER_HELD, live * percent // 100)
