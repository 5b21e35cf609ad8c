"""How an API says where its next page is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from yarl import URL

from shared.adapters.http import HttpResponse, origin_of, parse_url
from shared.adapters.rest.definition import NextUrlPagination, NoPagination
from shared.domain.errors import ProviderContractError

_PATH_AND_QUERY = re.compile(r"/[!-~]*")


class Paginator(Protocol):
    """One style of pagination. Positions are JSON, and all that another process needs to go on."""

    def next_position(self, response: HttpResponse) -> dict[str, Any] | None:
        """Return the position of the page after this one; None after the last.

        Raises:
            ProviderContractError: The answer points somewhere it may not.
        """
        ...

    def url_at(self, first: URL, position: Mapping[str, Any]) -> URL:
        """Return the URL of the page at a position, given that of the first page.

        Raises:
            ProviderContractError: The position was made for another version of the document.
        """
        ...


class NextUrlPaginator:
    """The next page's URL in a header. Only path and query are kept: the origin is always our own."""

    def __init__(self, definition: NextUrlPagination) -> None:
        self._header = definition.header

    def next_position(self, response: HttpResponse) -> dict[str, Any] | None:
        """Take the header's URL, as long as it stays on the origin and moves on."""
        given = response.headers.get(self._header, "").strip()
        if not given:
            return None
        here = URL(response.request.url, encoded=True)
        target = self._target(here, given, response.request.place)
        if target.raw_path_qs == here.raw_path_qs:
            raise ProviderContractError(f"{response.request.place} names itself as its next page.")
        return {"url": target.raw_path_qs}

    def url_at(self, first: URL, position: Mapping[str, Any]) -> URL:
        """Put the kept path and query on the origin of the first page."""
        url = position.get("url")
        if not isinstance(url, str) or not _PATH_AND_QUERY.fullmatch(url):
            raise foreign_position()
        return URL(f"{first.origin()}{url}", encoded=True)

    def _target(self, here: URL, given: str, place: str) -> URL:
        target = parse_url(given, relative_to=here)
        if target is None:
            raise ProviderContractError(f"{place} gave a {self._header} header that is not a URL.")
        if origin_of(target) != origin_of(here):
            raise ProviderContractError(
                f"{place} names a next page at {origin_of(target)}, but this provider's origin is"
                f" {origin_of(here)}; use the address that the provider itself uses as base URL."
            )
        return target


class SinglePage:
    """Everything comes at once."""

    def next_position(self, response: HttpResponse) -> dict[str, Any] | None:  # noqa: ARG002 - a protocol's
        """Return None: there is no second page."""
        return None

    def url_at(self, first: URL, position: Mapping[str, Any]) -> URL:  # noqa: ARG002 - a protocol's
        """Refuse: this style writes no positions."""
        raise foreign_position()


def paginator_of(definition: NextUrlPagination | NoPagination) -> Paginator:
    """Return the paginator that a document declares."""
    match definition:
        case NextUrlPagination():
            return NextUrlPaginator(definition)
        case NoPagination():
            return SinglePage()


def foreign_position() -> ProviderContractError:
    """Return the error for a position that another version of the document has left behind."""
    return ProviderContractError("The saved position does not fit the provider's document; start a new sync.")
