"""Pages that have more records than were asked for, in slices: each is stored and checkpointed for itself.

A position inside a page is the page's own, with how much of it is stored. Whoever goes on from there fetches
the page again, and leaves that out if the page still has the same records in the same order; a page that has
changed begins anew, since what was left out might never have been stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from shared.domain.errors import NoProgressError
from shared.domain.model import WireModel
from shared.ports.adapter import FetchRequest, SourcePage

MAX_RESTARTS = 3
"""How often a page may have changed when it is fetched again: else a run might never end."""

_KEY = "slice"


class _Place(WireModel):
    """A position inside a page: `of` is the page's own, `stored` counts records, `ids` is their digest."""

    of: dict[str, Any] | None
    stored: int
    ids: str
    restarts: int = 0

    def written(self) -> dict[str, Any]:
        return {_KEY: self.model_dump(mode="json")}


def whole_page(request: FetchRequest) -> FetchRequest:
    """Return the request for the page that a request's position is in."""
    place = _place_in(request.position)
    return replace(request, position=place.of) if place else request


def slices_of(page: SourcePage, position: Mapping[str, Any] | None, size: int) -> Iterator[SourcePage]:
    """Yield a page in slices of at most `size` records, from a position in it on; a small page is its own.

    Only the last one has the page's watermark and the position of the page after it.

    Raises:
        NoProgressError: The page was another one each time it was fetched.
    """
    place = _place_in(position)
    if place is None and len(page.records) <= size:
        yield page
        return
    here = _found_again(page, place) if place else _Place(of=_plain(position), stored=0, ids=_digest(page))
    while (end := here.stored + size) < len(page.records):
        records = page.records[here.stored : end]
        here = here.model_copy(update={"stored": end})
        yield replace(page, records=records, next_position=here.written(), watermark=None)
    yield replace(page, records=page.records[here.stored :])


def _found_again(page: SourcePage, place: _Place) -> _Place:
    ids = _digest(page)
    if ids == place.ids:
        return place
    if place.restarts >= MAX_RESTARTS:
        raise NoProgressError(
            f"A page of {len(page.records)} records takes several steps, and was another one each time it was"
            " fetched again. Declare `page` and `pagination` in the provider's document, for smaller pages."
        )
    return _Place(of=place.of, stored=0, ids=ids, restarts=place.restarts + 1)


def _place_in(position: Mapping[str, Any] | None) -> _Place | None:
    return _Place.model_validate(position[_KEY]) if position and _KEY in position else None


def _plain(position: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if position is None else dict(position)


def _digest(page: SourcePage) -> str:
    ids = "\0".join(record.external_id for record in page.records)
    return hashlib.blake2b(ids.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
