"""What a round of kills changes on the server, and where the app dies: decided by a seed alone."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

MAX_DELAY_SECONDS = 0.02
RECORDS_PER_BATCH = 100
RECORDS_PER_PAGE = {"development": 100, "production": 1000}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Edits:
    """Changes to the server's rows; one of the new rows has no name, so that it can't be taken."""

    version: int
    patched: Sequence[str]
    deleted: Sequence[str]
    added: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a run has to find: counts as an execution has them."""

    created: int
    updated: int
    deleted: int
    rejected: int

    @property
    def total(self) -> int:
        return self.created + self.updated + self.deleted


class KillPlan:
    """Decides in the order in which it is asked; the same seed and the same questions, the same decisions.

    Args:
        seed: Decides everything.
        records_per_page: As the app's environment has them.
        share: One of so many rows is deleted in a round, one is new, and two are edited.
    """

    def __init__(self, seed: int, records_per_page: int, share: int) -> None:
        self._random = random.Random(seed)
        self._records_per_page = records_per_page
        self._share = share

    def edits(self, named: Collection[str]) -> Edits:
        """Choose what happens to rows; those without a name are left alone."""
        present = sorted(named)
        share = max(2, len(present) // self._share)
        chosen = self._random.sample(present, 3 * share)
        version = self._random.randrange(1, 10**9)
        numbers = [self._random.randrange(10**9, 10**12) * 2 + 1 for _ in range(share)]
        # The last one comes again in the next incremental run: one that is rejected would be counted twice.
        added = [row(number, version) for number in [50 * version, *numbers]]
        return Edits(version, chosen[: 2 * share], chosen[2 * share :], added)

    def death(self, phase: str, coming: int, changes: Changes) -> tuple[int, float]:
        """Choose which entry into a phase is the last, and how many seconds later the app dies.

        A run enters a phase once, or once a page or a batch of the records that are coming.
        """
        pages, batches = coming // self._records_per_page, coming // RECORDS_PER_BATCH
        entries = {
            "fetch": pages,
            "checkpoint": pages,
            "map": batches,
            "write": changes.total // RECORDS_PER_BATCH,
            "sweep": 2 * batches if changes.deleted else batches,
            "quarantine": min(changes.rejected, batches),
            "follow-up": (coming - 1) // self._records_per_page,
            "start": 1,
            "complete": 1,
        }
        occurrence = self._random.randint(1, max(1, entries[phase]))
        return occurrence, self._random.choice((0.0, self._random.uniform(0, MAX_DELAY_SECONDS)))


def row(number: int, version: int) -> Row:
    """Make a row; every fiftieth number has no name."""
    name = None if number % 50 == 0 else f"Row {number}"
    return {"id": f"row-{number:06d}", "name": name, "number": number, "version": version}
