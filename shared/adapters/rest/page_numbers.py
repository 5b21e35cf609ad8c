"""Page numbers of a list that may move while it is read.

Pages can't overlap, so each is read again after the one that follows it: 1, 2, 1, 3, 2, 4, 3. What had moved
up before the later page was read is then on the earlier one. Where that has no record left that is known,
because a whole page has moved up, we go back until there is one, and go on from there. The end is believed
only when the page before the last is as it was: then nothing can have moved behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from shared.adapters.rest.answers import Answer
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.end_rule import EndRule
from shared.adapters.rest.offset_pages import require_patience
from shared.adapters.rest.page_marks import Marker, PageMarks
from shared.adapters.rest.pagination import PageNumberPagination
from shared.adapters.rest.positions import Place, leads_nowhere
from shared.ports.adapter import SourceRecord


class _Place(Place):
    """Which page is asked for, and why.

    Attributes:
        page: Its number.
        step: `on` to a new page, `again` a page after its next one, or `back` to find what is known.
        known: Of the page before; in `again` and `back`, of this page when it was new.
        following: In `again`: of the page after this one, which was read just now.
        ends: In `again`: that page was the last.
        read: How many records the pages up to this one had, each page counted once.
        reached: The highest page so far.
        steps_back: Since a new page was reached.
    """

    page: int
    step: Literal["on", "again", "back"] = "on"
    known: PageMarks = PageMarks()
    following: PageMarks = PageMarks()
    ends: bool = False
    read: int = 0
    reached: int = 0
    steps_back: int = 0


class PageNumbers:
    """Counts pages; the page without records is the last."""

    def __init__(self, definition: PageNumberPagination, marker: Marker) -> None:
        self._definition = definition
        self._marker = marker
        self._end = EndRule(definition.end)

    def next_position(self, answer: Answer, position: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Return the position of the page to be read after this one; see `Paginator`."""
        here = self._place(position)
        if here.step == "on":
            place = self._after_new(answer, here)
        elif not self._is_first(here) and not self._marker.knows(answer, here.known):
            place = self._back(answer, here)
        elif here.step == "again" and not here.ends:
            place = _on(here, here.page + 2, here.following)
        elif here.step == "again" and self._marker.is_same(answer, here.known):
            place = None
        else:
            place = self._on_from(answer, here)
        return place.written() if place else None

    def apply(self, position: Mapping[str, Any], draft: Draft) -> None:
        """Ask for the page at a position; see `Paginator`."""
        draft.put(self._definition.location, self._definition.parameter, _Place.of(position).page)

    def fresh(
        self, answer: Answer, position: Mapping[str, Any] | None, records: Sequence[SourceRecord]
    ) -> Sequence[SourceRecord]:
        """Leave out records that were read before; see `Paginator`."""
        here = self._place(position)
        return records if here.step == "on" else self._marker.unknown(answer, here.known, records)

    def _place(self, position: Mapping[str, Any] | None) -> _Place:
        return _Place(page=self._definition.first) if position is None else _Place.of(position)

    def _is_first(self, here: _Place) -> bool:
        return here.page <= self._definition.first

    def _after_new(self, answer: Answer, here: _Place) -> _Place | None:
        read = here.read + answer.count
        is_last = self._end.is_last(answer, read)
        if answer.count == 0 and is_last is False:
            raise leads_nowhere(answer)
        ends = bool(is_last) or answer.count == 0
        marks = self._marker.marks_of(answer, here.known)
        following = here.model_copy(
            update={
                "read": read,
                "reached": max(here.reached, here.page),
                "steps_back": here.steps_back if here.page <= here.reached else 0,
            }
        )
        if self._definition.stable or self._is_first(here):
            return None if ends else _on(following, here.page + 1, marks)
        again = {"page": here.page - 1, "step": "again", "following": marks, "ends": ends}
        return following.model_copy(update=again)

    def _on_from(self, answer: Answer, here: _Place) -> _Place:
        """Read what follows this page anew: it was not read, or has moved on and its end with it."""
        require_patience(answer, here.steps_back)
        # All pages but the last have as many records as this one; with fewer, an empty page is the end.
        read = (here.page - self._definition.first + 1) * answer.count
        marks = self._marker.marks_of(answer, PageMarks())
        way = here.model_copy(update={"read": read, "steps_back": here.steps_back + 1})
        return _on(way, here.page + 1, marks)

    def _back(self, answer: Answer, here: _Place) -> _Place:
        require_patience(answer, here.steps_back)
        page = max(self._definition.first, here.page - (1 << here.steps_back))
        back = {"page": page, "step": "back", "steps_back": here.steps_back + 1}
        return here.model_copy(update=back)


def _on(here: _Place, page: int, known: PageMarks) -> _Place:
    return _Place(page=page, known=known, read=here.read, reached=here.reached, steps_back=here.steps_back)
