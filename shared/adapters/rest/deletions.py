"""The `deletions` part of an entity: how it is found out that records are gone, beside tombstones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from shared.adapters.rest.increment import Increment
from shared.adapters.rest.listing import ListRequest, PageSize, parameters_of, request_conflicts
from shared.adapters.rest.notation import BodyPath, Location, Name, require_place
from shared.adapters.rest.pagination import NoPagination, OffsetPagination, PageNumberPagination, Pagination
from shared.domain.model import WireModel
from shared.domain.sweeps import Sweep
from shared.domain.validation import blame

POSITION_KEY = "deletions"
"""Tells positions in a deletion list from those in the entity's own."""

FIRST_PAGE: Mapping[str, Any] = MappingProxyType({POSITION_KEY: None})
"""The position where an entity's deletion list begins."""


class DeletionIncrement(WireModel):
    """Where the deletion list takes the watermark; what is left out is as in the entity's `increment`."""

    parameter: Name | None = None
    location: Location | None = Field(default=None, alias="in")
    format: Annotated[str, Field(min_length=2, max_length=50, pattern="%")] | None = None

    @model_validator(mode="after")
    def _is_a_path_in_the_body(self) -> Self:
        require_place(self.location or "query", self.parameter or "unused")
        return self


class Deletions(WireModel):
    """How deletions are found out.

    Attributes:
        sweep: What a complete reading of the entity has not seen is gone.
        listing: The request that lists what was deleted; `list` in the document. It is asked after the last
            page of the entity, from the same watermark; by a full run from that of the run before.
        records: Where its answer has the list; without it, the answer is the list.
        id: The id of what was deleted: the same as in the entity's records.
    """

    sweep: bool = False
    listing: ListRequest | None = Field(default=None, alias="list")
    records: BodyPath | None = None
    id: BodyPath | None = None
    page: PageSize | None = None
    pagination: Pagination = NoPagination()
    increment: DeletionIncrement = DeletionIncrement()

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.listing is None and self.model_fields_set != {"sweep"}:
            raise blame(
                "", "needs `list`, the request that lists deletions, or `sweep: true` and nothing else"
            )
        if self.listing and self.id is None:
            raise blame("id", "is missing: where the listed deletions have the id; add it")
        return self

    def sweep_over(self, paginations: Iterable[Pagination]) -> Sweep:
        """Return how many complete readings must miss a record of the entity.

        Pages that are counted, or whose records are, shift when a record before them goes away while they are
        read: one that stands at the edge of two pages is then on neither.

        Args:
            paginations: Of the entity and of those that it is read by.
        """
        if not self.sweep:
            return Sweep.NEVER
        shifts = any(isinstance(each, (PageNumberPagination, OffsetPagination)) for each in paginations)
        return Sweep.TWICE if shifts else Sweep.ONCE

    def conflicts(self, increment: Increment | None) -> Iterator[tuple[str, str]]:
        """Yield what keeps the list from being asked from where an entity's runs begin: key and message."""
        if self.listing is None:
            return
        if increment is None:
            yield "deletions.list", "is for incremental runs; declare `increment`"
        elif increment.link:
            yield "deletions.list", "can't stand beside `increment.link`, which tells deletions; remove one"
        elif increment.token is None and not increment.has_times:
            cure = "must tell times beside `deletions.list`: use `type: dateTime`, or `integer` with `unit`"
            yield "increment", f"{cure}; or a `token`"
        elif self.merged(increment).parameter is None:
            yield "deletions.increment.parameter", "is missing: where the list takes the watermark; add it"
        else:
            parts = (self.page, self.pagination, self.merged(increment))
            for conflict in request_conflicts(self.listing, list(parameters_of(parts))):
                yield "deletions.list", conflict

    def merged(self, increment: Increment) -> Increment:
        """Return an entity's increment as the deletion list takes it. It reads no watermark of its own."""
        own = {name: value for name, value in dict(self.increment).items() if value is not None}
        silent = {"field": None, "token": None, "initial": None, "client_side_filter": False}
        return increment.model_copy(update={**own, **silent})
