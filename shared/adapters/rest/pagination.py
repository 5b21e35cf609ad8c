"""The `pagination` part of an entity: how an API says where its next page is, and which is the last."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.adapters.rest.increment import Increment
from shared.adapters.rest.notation import BodyPath, Parameter, Source
from shared.domain.model import WireModel


class EndConditions(WireModel):
    """What marks the last page, besides what the kind of pagination has by itself.

    Attributes:
        done: Body path that is true on the last page.
        more: Body path that is false on the last page.
        total: Body path of the number of records on all pages.
        short_page: Whether a page with fewer records than asked for is the last.
        empty_page: Whether a page without records is the last. Page numbers and offsets always end there.
    """

    done: BodyPath | None = None
    more: BodyPath | None = None
    total: BodyPath | None = None
    short_page: bool = False
    empty_page: bool = False


class NextUrlPagination(Source):
    """The answer tells the next page's URL, absolute or relative; without it, it was the last.

    The header `Link` is read by its relation `next` (RFC 8288); any other holds the URL alone.
    """

    kind: Literal["nextUrl"]
    end: EndConditions = EndConditions()


class CursorPagination(Source, Parameter):
    """The answer tells a cursor, sent back as a parameter; without one, or with an empty one, it's over."""

    kind: Literal["cursor"]
    end: EndConditions = EndConditions()


class PageNumberPagination(Parameter):
    """Pages are counted, beginning with `first`; the page without records is the last.

    Each is read again after the one that follows it, unless the list is `stable`: it does not move while it
    is read.
    """

    kind: Literal["pageNumber"]
    first: Annotated[int, Field(ge=0)] = 1
    stable: bool = False
    end: EndConditions = EndConditions()


class OffsetPagination(Parameter):
    """Records are counted, beginning with `first`; the page without records is the last.

    Pages overlap by one record, unless the list is `stable`: it does not move while it is read.
    """

    kind: Literal["offset"]
    first: Annotated[int, Field(ge=0)] = 0
    stable: bool = False
    end: EndConditions = EndConditions()


class NoPagination(WireModel):
    """One request answers with everything."""

    kind: Literal["none"] = "none"


Pagination = Annotated[
    NextUrlPagination | CursorPagination | PageNumberPagination | OffsetPagination | NoPagination,
    Field(discriminator="kind"),
]


def is_cursor(pagination: Pagination, increment: Increment | None) -> bool:
    """True where a watermark goes where the cursor of a later page does: a feed read on from either."""
    return (
        isinstance(pagination, CursorPagination)
        and increment is not None
        and (increment.location, increment.parameter) == (pagination.location, pagination.parameter)
    )
