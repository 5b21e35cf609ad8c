"""Recognising records and pages that were read before, by what a position can keep of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from shared.adapters.rest.answers import Answer, compile_field
from shared.adapters.rest.notation import Path
from shared.domain.errors import ProviderContractError
from shared.domain.model import WireModel
from shared.ports.adapter import SourceRecord

MAX_SAME_PAGES = 10
"""Pages in a row that are the same, asked for at different places. One may be chance: an insertion."""

_KEPT = 8
"""Records remembered of a page: some may be deleted or changed before we look for them."""


class PageMarks(WireModel):
    """What is remembered of a page.

    Attributes:
        page: Of all its records in their order.
        some: Of a few of its records, the last one included.
        repeats: How many pages just before were the same.
    """

    page: str = ""
    some: list[str] = []
    repeats: int = 0


class Marker:
    """Makes marks: hashes of a record's id and its time of change, so that one that was changed is another.

    Args:
        stamp: The record's field that changes with it; None where the document names none.
    """

    def __init__(self, stamp: Path | None) -> None:
        self._stamp = compile_field(stamp)

    def marks_of(self, answer: Answer, before: PageMarks) -> PageMarks:
        """Return the marks of a page.

        Raises:
            ProviderContractError: It is the same as the ones before it, which never ends.
        """
        marks = [self._mark(record) for record in answer.records]
        page = _digest("".join(marks))
        repeats = before.repeats + 1 if marks and page == before.page else 0
        if repeats >= MAX_SAME_PAGES:
            raise ProviderContractError(
                f"{answer.place} gave the same page {repeats + 1} times, though each time the one after it"
                " was asked for; correct `pagination.parameter` in the provider's document."
            )
        return PageMarks(page=page, some=_spread(marks), repeats=repeats)

    def knows(self, answer: Answer, known: PageMarks) -> bool:
        """Tell whether a page has a record that is remembered."""
        some = set(known.some)
        return any(self._mark(record) in some for record in answer.records)

    def is_same(self, answer: Answer, known: PageMarks) -> bool:
        """Tell whether a page is as it was, record for record."""
        return _digest("".join(self._mark(record) for record in answer.records)) == known.page

    def unknown(
        self, answer: Answer, known: PageMarks, records: Sequence[SourceRecord]
    ) -> Sequence[SourceRecord]:
        """Return the records that are not remembered; none where the whole page is as it was."""
        if not known.some:
            return records
        if self.is_same(answer, known):
            return []
        some = set(known.some)
        return [record for record in records if self._mark(record) not in some]

    def _mark(self, record: SourceRecord) -> str:
        stamp = None if record.rejection else self._stamp(record.data)  # a path may fail on a malformed one
        return _digest(f"{record.external_id}\0{stamp!r}")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _spread(marks: list[str]) -> list[str]:
    if len(marks) <= _KEPT:
        return marks
    return [marks[index * (len(marks) - 1) // (_KEPT - 1)] for index in range(_KEPT)]
