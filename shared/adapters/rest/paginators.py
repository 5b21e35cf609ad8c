"""How an API says where its next page is, and which is the last."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson

from shared.adapters.rest.answers import Answer, compile_source, place_of
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.end_rule import EndRule
from shared.adapters.rest.links import next_link
from shared.adapters.rest.notation import Path
from shared.adapters.rest.offset_pages import OffsetPages
from shared.adapters.rest.page_marks import Marker
from shared.adapters.rest.page_numbers import PageNumbers
from shared.adapters.rest.pagination import (
    CursorPagination,
    EndConditions,
    NextUrlPagination,
    NoPagination,
    OffsetPagination,
    PageNumberPagination,
    Pagination,
)
from shared.adapters.rest.positions import Paginator, Place, foreign_position, leads_nowhere
from shared.adapters.rest.targets import CleanUrl, is_target, no_url, own_target, request_url
from shared.domain.errors import ProviderContractError
from shared.domain.recurrence import Recurrence
from shared.ports.adapter import SourceRecord

MAX_EMPTY_PAGES = 1_000
"""Pages without a record in a row; sparse search results have dozens."""

MAX_PLACE_LENGTH = 8_192
"""Characters of a next URL or cursor: few servers take longer URLs, and a checkpoint keeps it."""


def paginator_of(definition: Pagination, clean_url: CleanUrl, stamp: Path | None = None) -> Paginator:
    """Return the paginator that a document declares.

    Args:
        definition: How the pages hang together.
        clean_url: Removes credentials.
        stamp: The record's field that changes with it, to recognise a record that has moved.
    """
    match definition:
        case NextUrlPagination():
            return _ToldPages(_NextUrls(definition, clean_url), definition.end)
        case CursorPagination():
            return _ToldPages(_Cursors(definition), definition.end)
        case PageNumberPagination():
            return PageNumbers(definition, Marker(stamp))
        case OffsetPagination():
            return OffsetPages(definition, Marker(stamp))
        case NoPagination():
            return _ToldPages(_NoSteps(), EndConditions())


class _Steps(Protocol):
    """One kind of what an answer tells about the next page."""

    def following(self, answer: Answer) -> dict[str, Any] | None:
        """Return the place of the page after this one; None where the answer tells none."""
        ...

    def apply(self, place: Mapping[str, Any], draft: Draft) -> None:
        """Ask for the page at a place."""
        ...


class _Way(Place):
    """How we came to a page.

    Attributes:
        read: Records on the pages before, where a total decides.
        empty: Pages without a record just before it.
        trail: Notices a circle of pages.
    """

    read: int = 0
    empty: int = 0
    trail: Recurrence = Recurrence()


class _ToldPages:
    """Goes where the answers say, and nowhere twice."""

    def __init__(self, steps: _Steps, end: EndConditions) -> None:
        self._steps = steps
        self._end = EndRule(end)

    def next_position(self, answer: Answer, position: Mapping[str, Any] | None) -> dict[str, Any] | None:
        way = _Way.of(position or {})
        read = way.read + answer.count
        is_last = self._end.is_last(answer, read)
        following = None if is_last else self._steps.following(answer)
        if following is None:
            if is_last is False:
                raise leads_nowhere(answer)
            return None
        if following.items() <= (position or {}).items():
            raise circle(answer)
        _require_short(answer, following)
        following_way = _Way(
            read=read if self._end.counts else 0,
            empty=_empty_pages(answer, way),
            trail=_trail(answer, way.trail, following) if position else way.trail,
        )
        return {**following, **following_way.written()}

    def apply(self, position: Mapping[str, Any], draft: Draft) -> None:
        self._steps.apply(position, draft)

    def fresh(
        self,
        answer: Answer,  # noqa: ARG002 - a protocol's
        position: Mapping[str, Any] | None,  # noqa: ARG002 - the same
        records: Sequence[SourceRecord],
    ) -> Sequence[SourceRecord]:
        return records


class _NextUrls:
    """The next page's URL. Only path and query are kept: the origin is always our own."""

    def __init__(self, definition: NextUrlPagination, clean_url: CleanUrl) -> None:
        self._definition = definition
        self._read = compile_source(definition)
        self._is_link = (definition.header or "").lower() == "link"
        self._clean_url = clean_url

    def following(self, answer: Answer) -> dict[str, Any] | None:
        given = self._read(answer.response, answer.body)
        if given is not None and not isinstance(given, str):
            raise no_url(answer, self._definition)
        address = next_link(given) if self._is_link and given else given
        if not address or not address.strip():
            return None
        url = self._clean_url(own_target(address.strip(), answer, self._definition))
        if url == self._clean_url(request_url(answer)):
            raise circle(answer)
        return {"url": url}

    def apply(self, place: Mapping[str, Any], draft: Draft) -> None:
        url = place.get("url")
        if not is_target(url):
            raise foreign_position()
        draft.target = url


class _Cursors:
    def __init__(self, definition: CursorPagination) -> None:
        self._definition = definition
        self._read = compile_source(definition)

    def following(self, answer: Answer) -> dict[str, Any] | None:
        cursor = self._read(answer.response, answer.body)
        if cursor is None or cursor == "":
            return None
        if type(cursor) not in {str, int}:
            raise ProviderContractError(
                f"{answer.place} has no text or whole number at {place_of(self._definition)} for its cursor;"
                " correct `pagination` in the provider's document."
            )
        return {"cursor": cursor}

    def apply(self, place: Mapping[str, Any], draft: Draft) -> None:
        cursor = place.get("cursor")
        if type(cursor) is not str and type(cursor) is not int:
            raise foreign_position()
        draft.put(self._definition.location, self._definition.parameter, cursor)


class _NoSteps:
    """Everything comes at once."""

    def following(self, answer: Answer) -> None:
        """There is no second page."""

    def apply(self, place: Mapping[str, Any], draft: Draft) -> None:  # noqa: ARG002 - a protocol's
        raise foreign_position()


def circle(answer: Answer, pages: int = 1) -> ProviderContractError:
    """Return the error for a page whose next one was read before, so many pages ago."""
    names = "names itself as its next page" if pages == 1 else f"leads back to a page read {pages} pages ago"
    return ProviderContractError(
        f"{answer.place} {names}: reading on would never end. The provider repeats"
        " its position, or `pagination` in its document is wrong."
    )


def _require_short(answer: Answer, following: Mapping[str, Any]) -> None:
    length = max(len(str(value)) for value in following.values())
    if length > MAX_PLACE_LENGTH:
        raise ProviderContractError(
            f"{answer.place} names its next page in {length} characters;"
            f" no more than {MAX_PLACE_LENGTH} can be kept."
        )


def _trail(answer: Answer, trail: Recurrence, following: Mapping[str, Any]) -> Recurrence:
    digest = hashlib.blake2b(orjson.dumps(following, option=orjson.OPT_SORT_KEYS), digest_size=8)
    trail = trail.after(digest.hexdigest())
    if trail.times:
        raise circle(answer, trail.age)
    return trail


def _empty_pages(answer: Answer, way: _Way) -> int:
    if answer.count:
        return 0
    empty = way.empty + 1
    if empty >= MAX_EMPTY_PAGES:
        raise ProviderContractError(
            f"{answer.place} gave {empty} pages without a record in a row, and names yet another."
        )
    return empty
