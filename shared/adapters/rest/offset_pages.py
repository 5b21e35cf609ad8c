"""Offsets into a list that may move while it is read.

Something that was read is deleted, or moves to the end because it was changed: all that comes after it moves
up, and what slips below the next offset would never be read. So the next page is asked for one record early.
As long as it has a record that is known, nothing can lie between; where it has none, we go back until it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.adapters.rest.answers import Answer
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.end_rule import EndRule
from shared.adapters.rest.page_marks import Marker, PageMarks
from shared.adapters.rest.pagination import OffsetPagination
from shared.adapters.rest.positions import Place, leads_nowhere
from shared.domain.errors import ProviderContractError
from shared.ports.adapter import SourceRecord

MAX_STEPS_BACK = 20
"""Before anything new is reached. Each is twice as long as the last one: they soon reach the beginning."""


class _Place(Place):
    """Where a page begins.

    Attributes:
        offset: What is asked for.
        known: Of the page before.
        stride: How many records that had; 0 where this page need not have a known one.
        reached: How far the pages before went.
        steps_back: Since something new was reached.
    """

    offset: int
    known: PageMarks = PageMarks()
    stride: int = 0
    reached: int = 0
    steps_back: int = 0


class OffsetPages:
    """Goes on after the last record that came, however many were asked for."""

    def __init__(self, definition: OffsetPagination, marker: Marker) -> None:
        self._definition = definition
        self._marker = marker
        self._end = EndRule(definition.end)

    def next_position(self, answer: Answer, position: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Return the position of the page after this one, or of one before; see `Paginator`."""
        here = self._place(position)
        is_at_the_beginning = here.offset <= self._definition.first
        if here.stride and not is_at_the_beginning and not self._marker.knows(answer, here.known):
            return self._back(answer, here).written()
        until = here.offset + answer.count
        is_last = self._end.is_last(answer, until - self._definition.first)
        if is_last:
            return None
        if answer.count == 0:
            if is_last is False:
                raise leads_nowhere(answer)
            return None
        return self._forward(answer, here, until).written()

    def apply(self, position: Mapping[str, Any], draft: Draft) -> None:
        """Ask for the page at a position; see `Paginator`."""
        draft.put(self._definition.location, self._definition.parameter, _Place.of(position).offset)

    def fresh(
        self, answer: Answer, position: Mapping[str, Any] | None, records: Sequence[SourceRecord]
    ) -> Sequence[SourceRecord]:
        """Leave out records that the page before had; see `Paginator`."""
        here = self._place(position)
        return self._marker.unknown(answer, here.known, records) if here.stride else records

    def _place(self, position: Mapping[str, Any] | None) -> _Place:
        return _Place(offset=self._definition.first) if position is None else _Place.of(position)

    def _forward(self, answer: Answer, here: _Place, until: int) -> _Place:
        """Go on one record early; after a page of one record, not at all early: that would not move on."""
        overlaps = answer.count > 1 and not self._definition.stable
        return _Place(
            offset=until - overlaps,
            known=self._marker.marks_of(answer, here.known),
            stride=answer.count if overlaps else 0,
            reached=max(until, here.reached),
            steps_back=here.steps_back if until <= here.reached else 0,
        )

    def _back(self, answer: Answer, here: _Place) -> _Place:
        require_patience(answer, here.steps_back)
        offset = max(self._definition.first, here.offset - (here.stride << here.steps_back))
        return here.model_copy(update={"offset": offset, "steps_back": here.steps_back + 1})


def require_patience(answer: Answer, steps_back: int) -> None:
    """Make sure that we have not gone back too often.

    Raises:
        ProviderContractError: The list moves faster than it can be read.
    """
    if steps_back >= MAX_STEPS_BACK:
        raise ProviderContractError(
            f"{answer.place} lists its records in another order each time: after {steps_back} steps back no"
            " page goes on where another ended. Ask for an order that stays, and name as `modified` the field"
            " that changes only with its record."
        )
