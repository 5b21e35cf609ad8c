"""How an API says where its next page is, and which is the last."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from yarl import URL

from shared.adapters.http import origin_of, parse_url
from shared.adapters.rest.answers import Answer, compile_path, compile_source, place_of
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.links import next_link
from shared.adapters.rest.pagination import (
    CursorPagination,
    EndConditions,
    NextUrlPagination,
    NoPagination,
    OffsetPagination,
    PageNumberPagination,
    Pagination,
)
from shared.domain.errors import ProviderContractError

MAX_EMPTY_PAGES = 1_000
"""Pages without a record in a row; sparse search results have dozens."""

_PATH_AND_QUERY = re.compile(r"/[!-~]*")

CleanUrl = Callable[[URL], str]
"""Returns a URL's path and query without credentials."""


class Steps(Protocol):
    """One kind of pagination. A place is JSON, and all that another process needs to go on."""

    def following(self, answer: Answer, place: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the place of the page after this one; None where the answer tells none.

        Args:
            answer: The page.
            place: Where it was; empty for the first.
        """
        ...

    def apply(self, place: Mapping[str, Any], draft: Draft) -> None:
        """Ask for the page at a place.

        Raises:
            ProviderContractError: The place was made for another version of the document.
        """
        ...


class Paginator:
    """Goes from page to page until one is the last.

    A position is the place of a page, with `read` (records before it) where a total decides, and `empty`
    (pages without a record just before it).
    """

    def __init__(self, steps: Steps, end: EndConditions) -> None:
        self._steps = steps
        self._end = _EndRule(end)

    def next_position(self, answer: Answer, position: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Return the position of the page after this one; None after the last.

        Raises:
            ProviderContractError: The answer leads nowhere, in a circle, or somewhere it may not.
        """
        here = position or {}
        read = _counted(here, "read") + answer.count
        is_last = self._end.is_last(answer, read)
        following = None if is_last else self._steps.following(answer, here)
        if following is None:
            if is_last is False:
                raise ProviderContractError(f"{answer.place} says that there is more, but not where.")
            return None
        if following.items() <= here.items():
            raise _circle(answer)
        if self._end.counts:
            following["read"] = read
        return following | _empty_pages(answer, here)

    def apply(self, position: Mapping[str, Any], draft: Draft) -> None:
        """Ask for the page at a position; raises as `Steps.apply`."""
        self._steps.apply(position, draft)


def paginator_of(definition: Pagination, clean_url: CleanUrl) -> Paginator:
    """Return the paginator that a document declares."""
    match definition:
        case NextUrlPagination():
            return Paginator(_NextUrls(definition, clean_url), definition.end)
        case CursorPagination():
            return Paginator(_Cursors(definition), definition.end)
        case PageNumberPagination() | OffsetPagination():
            return Paginator(_Numbers(definition), definition.end)
        case NoPagination():
            return Paginator(_NoSteps(), EndConditions())


def foreign_position() -> ProviderContractError:
    """Return the error for a position that another version of the document has left behind."""
    return ProviderContractError("The saved position does not fit the provider's document; start a new sync.")


class _NextUrls:
    """The next page's URL. Only path and query are kept: the origin is always our own."""

    def __init__(self, definition: NextUrlPagination, clean_url: CleanUrl) -> None:
        self._definition = definition
        self._read = compile_source(definition)
        self._is_link = (definition.header or "").lower() == "link"
        self._clean_url = clean_url

    def following(self, answer: Answer, place: Mapping[str, Any]) -> dict[str, Any] | None:  # noqa: ARG002 - a protocol's
        given = self._read(answer.response, answer.body)
        if given is not None and not isinstance(given, str):
            raise self._no_url(answer)
        address = next_link(given) if self._is_link and given else given
        if not address or not address.strip():
            return None
        here = URL(answer.response.request.url, encoded=True)
        url = self._clean_url(self._target(here, address.strip(), answer))
        if url == self._clean_url(here):
            raise _circle(answer)
        return {"url": url}

    def apply(self, place: Mapping[str, Any], draft: Draft) -> None:
        url = place.get("url")
        if not isinstance(url, str) or not _PATH_AND_QUERY.fullmatch(url):
            raise foreign_position()
        draft.target = url

    def _target(self, here: URL, given: str, answer: Answer) -> URL:
        target = parse_url(given, relative_to=here)
        if target is None:
            raise self._no_url(answer)
        if origin_of(target) != origin_of(here):
            raise ProviderContractError(
                f"{answer.place} names a next page at {origin_of(target)}, but this provider's origin is"
                f" {origin_of(here)}; use the address that the provider itself uses as base URL."
            )
        return target

    def _no_url(self, answer: Answer) -> ProviderContractError:
        return ProviderContractError(
            f"{answer.place} has something at {place_of(self._definition)} that is not a URL."
        )


class _Cursors:
    def __init__(self, definition: CursorPagination) -> None:
        self._definition = definition
        self._read = compile_source(definition)

    def following(self, answer: Answer, place: Mapping[str, Any]) -> dict[str, Any] | None:  # noqa: ARG002 - a protocol's
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


class _Numbers:
    """Counts pages, or records: an offset goes on after the last that came, however many were asked for."""

    def __init__(self, definition: PageNumberPagination | OffsetPagination) -> None:
        self._definition = definition
        self._name = "page" if isinstance(definition, PageNumberPagination) else "offset"

    def following(self, answer: Answer, place: Mapping[str, Any]) -> dict[str, Any] | None:
        if answer.count == 0:
            return None
        step = 1 if self._name == "page" else answer.count
        return {self._name: place.get(self._name, self._definition.first) + step}

    def apply(self, place: Mapping[str, Any], draft: Draft) -> None:
        number = place.get(self._name)
        if type(number) is not int:
            raise foreign_position()
        draft.put(self._definition.location, self._definition.parameter, number)


class _NoSteps:
    """Everything comes at once."""

    def following(self, answer: Answer, place: Mapping[str, Any]) -> None:
        """There is no second page."""

    def apply(self, place: Mapping[str, Any], draft: Draft) -> None:  # noqa: ARG002 - a protocol's
        raise foreign_position()


class _EndRule:
    def __init__(self, end: EndConditions) -> None:
        self._end = end
        self._done, self._more = compile_path(end.done), compile_path(end.more)
        self._total = compile_path(end.total)

    @property
    def counts(self) -> bool:
        """Whether the records of the pages before matter."""
        return self._end.total is not None

    def is_last(self, answer: Answer, read: int) -> bool | None:
        """Return what the answer says of itself; None when it says nothing."""
        done, more = self._flag(answer, "done"), self._flag(answer, "more")
        total = self._read_total(answer)
        is_short = self._end.short_page and answer.asked is not None and answer.count < answer.asked
        is_empty = self._end.empty_page and answer.count == 0
        if done or more is False or is_short or is_empty or (total is not None and read >= total):
            return True
        return False if done is False or more else None

    def _flag(self, answer: Answer, name: str) -> bool | None:
        value = (self._done if name == "done" else self._more)(answer.body)
        if value is None or isinstance(value, bool):
            return value
        raise self._breach(answer, name, "neither true nor false")

    def _read_total(self, answer: Answer) -> int | None:
        total = self._total(answer.body)
        if total is None or type(total) is int:
            return total
        raise self._breach(answer, "total", "no whole number")

    def _breach(self, answer: Answer, name: str, what: str) -> ProviderContractError:
        return ProviderContractError(
            f"{answer.place} has {what} at `{getattr(self._end, name)}`;"
            f" correct `end.{name}` in the provider's document."
        )


def _circle(answer: Answer) -> ProviderContractError:
    return ProviderContractError(
        f"{answer.place} names itself as its next page: reading on would never end. The provider repeats"
        " its position, or `pagination` in its document is wrong."
    )


def _empty_pages(answer: Answer, position: Mapping[str, Any]) -> dict[str, int]:
    if answer.count:
        return {}
    empty = _counted(position, "empty") + 1
    if empty >= MAX_EMPTY_PAGES:
        raise ProviderContractError(
            f"{answer.place} gave {empty} pages without a record in a row, and names yet another."
        )
    return {"empty": empty}


def _counted(position: Mapping[str, Any], name: str) -> int:
    count = position.get(name, 0)
    if type(count) is not int:
        raise foreign_position()
    return count
