"""The `deletions` part of an entity: how it is found out that records are gone, beside tombstones."""

from __future__ import annotations

from shared.adapters.rest.pagination import OffsetPagination, PageNumberPagination, Pagination
from shared.domain.model import WireModel
from shared.domain.sweeps import Sweep


class Deletions(WireModel):
    """How deletions are found out.

    Attributes:
        sweep: What a complete reading of `list` has not seen is gone.
    """

    sweep: bool = False


def sweep_of(deletions: Deletions | None, pagination: Pagination) -> Sweep:
    """Return how many complete readings must miss a record of an entity.

    Pages that are counted, or whose records are, shift when a record before them goes away while they are
    read: one that stands at the edge of two pages is then on neither.
    """
    if deletions is None or not deletions.sweep:
        return Sweep.NEVER
    shifts = isinstance(pagination, (PageNumberPagination, OffsetPagination))
    return Sweep.TWICE if shifts else Sweep.ONCE
