"""One entity of a provider's document: a kind of records, and the requests about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from pydantic import Field, model_validator

from shared.adapters.rest.deletions import Deletions
from shared.adapters.rest.fields import FieldSelection
from shared.adapters.rest.increment import Increment
from shared.adapters.rest.limits import RequestLimits, RetryRule
from shared.adapters.rest.listing import ListRequest, PageSize, parameters_of, request_conflicts
from shared.adapters.rest.notation import BodyPath, DeletionMark
from shared.adapters.rest.pagination import NoPagination, Pagination, is_cursor
from shared.adapters.rest.parents import Parent, parent_conflicts
from shared.adapters.rest.record_requests import RecordRequests
from shared.adapters.rest.requests import Request
from shared.adapters.rest.templates import ANY_FIELD_OF_PARENT
from shared.domain.model import WireModel
from shared.domain.validation import blame


class ChangesRequest(WireModel):
    """Another request for incremental runs, where the API has one."""

    listing: ListRequest = Field(alias="list")
    records: BodyPath | None = None


class EntityDefinition(RecordRequests):
    """One kind of records.

    Attributes:
        listing: The request that lists them; `list` in the document.
        records: Where the answer has its list of records; without it, the answer is the list.
        id: The record's field with its id, text or whole number.
        modified: The record's field with its time or number of change.
        deleted: The record's boolean field that is true in a tombstone, or one that only tombstones have.
        deletions: How else it is found out that records are gone.
        page: Without it, the API decides how many records a page has.
        changes: What incremental runs ask instead of `list` and `records`.
        fields: How to ask for no more of a record than the mapping reads.
        parent: The entity for each of whose records this one is listed.
        limits: Of this entity's requests, in place of the provider's.
        retry: Of this entity's requests, in place of the provider's.
    """

    listing: ListRequest = Field(alias="list")
    records: BodyPath | None = None
    id: BodyPath
    modified: BodyPath | None = None
    deleted: DeletionMark | None = None
    deletions: Deletions | None = None
    page: PageSize | None = None
    pagination: Pagination = NoPagination()
    increment: Increment | None = None
    changes: ChangesRequest | None = None
    fields: FieldSelection | None = None
    parent: Parent | None = None
    limits: RequestLimits | None = None
    retry: RetryRule | None = None

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if conflict := next(self._conflicts(), None):
            raise blame(*conflict)
        return self

    @property
    def tombstones_need_a_watermark(self) -> bool:
        """Whether tombstones may come only with what changed since a watermark, and not in a complete list.

        A full run that sends an `initial` value asks as for changes since the beginning.
        """
        increment = self.increment
        if self.deleted is None or increment is None:
            return False
        asks_alike = increment.client_side_filter or increment.initial is not None
        return self.changes is not None or not asks_alike

    @property
    def is_told_deletions(self) -> bool:
        """Whether deletions come only with what is asked from a watermark."""
        listed = self.deletions is not None and self.deletions.listing is not None
        return listed or self.tombstones_need_a_watermark

    def listings(self) -> Iterator[tuple[str, ListRequest]]:
        """Yield the requests that list the entity, each with its path in it; a parent is for them only."""
        yield "list", self.listing
        if self.changes:
            yield "changes.list", self.changes.listing

    def requests(self) -> Iterator[tuple[str, Request]]:
        """Yield all of the entity's requests, each with its path in the entity."""
        yield from self.listings()
        if self.deletions and self.deletions.listing:
            yield "deletions.list", self.deletions.listing
        yield from self.record_requests().items()

    def templates(self) -> Iterator[tuple[str, str, frozenset[str]]]:
        """Yield every template with its path in the entity, and what it may have besides settings."""
        with_parent = dict(self.listings()) if self.parent else {}
        for part, request in self.requests():
            more = {ANY_FIELD_OF_PARENT} if part in with_parent else set()
            for key, template, names in request.templates():
                yield f"{part}.{key}", template, names | more

    def _conflicts(self) -> Iterator[tuple[str, str]]:
        if self.changes and not (self.increment and self.increment.parameter):
            cure = "is for incremental runs; declare `increment` with a `parameter`, or remove it"
            yield "changes", cure
        end = getattr(self.pagination, "end", None)
        if end and end.short_page and not self.page:
            yield "pagination.end.shortPage", "needs `page`: how many records are asked for"
        increment = None if is_cursor(self.pagination, self.increment) else self.increment
        parameters = list(parameters_of((self.page, self.pagination, increment, self.fields)))
        for part, request in self.listings():
            yield from ((part, conflict) for conflict in request_conflicts(request, parameters))
        if self.increment and self.increment.link and not self._can_follow_links():
            yield "increment.link", "needs a GET, and `pagination` of kind nextUrl or none"
        if self.deletions:
            yield from self.deletions.conflicts(self.increment)
        yield from parent_conflicts(self)
        yield from self.record_conflicts()

    def _can_follow_links(self) -> bool:
        return self.listing.method == "GET" and self.pagination.kind in {"nextUrl", "none"}
