"""A provider whose list moves between any two requests, without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import count
from typing import Any

import orjson
from multidict import CIMultiDict, CIMultiDictProxy

from shared.adapters.http import HttpRequest, HttpResponse
from shared.adapters.rest.answers import Answer
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.pagination import OffsetPagination, PageNumberPagination
from shared.adapters.rest.paginators import paginator_of
from shared.ports.adapter import SourceRecord
from tests.fakes.clock import START

_NUMBERS = count()
Change = Callable[[list[dict[str, Any]]], None]
"""What happens to the list between two requests."""


def response_at(moment: datetime, **headers: str) -> HttpResponse:
    """Return an answer that came at a moment by our clock."""
    named = CIMultiDictProxy(CIMultiDict(headers))
    return HttpResponse(HttpRequest("GET", "http://moving.example/all"), 200, named, b"", moment)


class MovingSource:
    """Serves `items` by `skip` or `page`, in pages of `limit`; a change happens before each but the first."""

    def __init__(self, items: list[dict[str, Any]], limit: int, changes: Iterable[Change]) -> None:
        self.items = items
        self.asked: list[int] = []
        self._limit = limit
        self._changes = iter(changes)

    def answer(self, draft: Draft) -> Answer:
        change = next(self._changes, None) if self.asked else None
        if change:
            change(self.items)
        start = self._start(draft)
        page = self.items[start : start + self._limit]
        body = {
            "total": len(self.items),
            "more": start + self._limit < len(self.items),
            "done": start + self._limit >= len(self.items),
        }
        records = [SourceRecord(item["id"], item) for item in page]
        return Answer(response_at(START), body, len(page), self._limit, records)

    def _start(self, draft: Draft) -> int:
        if "page" in draft.query:
            self.asked.append(int(str(draft.query["page"])))
            return (self.asked[-1] - 1) * self._limit
        self.asked.append(int(str(draft.query.get("skip", "0"))))
        return self.asked[-1]


def walk(source: MovingSource, definition: OffsetPagination | PageNumberPagination) -> list[str]:
    """Read to the end, each position through JSON as a checkpoint keeps it; return what was delivered."""
    paginator = paginator_of(definition, str, "changed")
    delivered: list[str] = []
    position: dict[str, Any] | None = None
    while True:
        draft = Draft()
        if position is not None:
            paginator.apply(position, draft)
        answer = source.answer(draft)
        delivered += [record.external_id for record in paginator.fresh(answer, position, answer.records)]
        position = paginator.next_position(answer, position)
        if position is None:
            return delivered
        position = orjson.loads(orjson.dumps(position))


def remove(share: float) -> Change:
    def change(items: list[dict[str, Any]]) -> None:
        if items:
            del items[int(share * len(items))]

    return change


def move_to_the_end(share: float) -> Change:
    """Change a record: in a list by time of change, that puts it last."""

    def change(items: list[dict[str, Any]]) -> None:
        if items:
            record = items.pop(int(share * len(items)))
            items.append({**record, "changed": record["changed"] + 1})

    return change


def touch(share: float) -> Change:
    """Change a record that stays where it is."""

    def change(items: list[dict[str, Any]]) -> None:
        if items:
            index = int(share * len(items))
            items[index] = {**items[index], "changed": items[index]["changed"] + 1}

    return change


def insert(share: float) -> Change:
    def change(items: list[dict[str, Any]]) -> None:
        items.insert(int(share * (len(items) + 1)), {"id": f"new-{next(_NUMBERS)}", "changed": 0})

    return change


def together(changes: list[Change]) -> Change:
    """Make several changes between two requests."""

    def change(items: list[dict[str, Any]]) -> None:
        for each in changes:
            each(items)

    return change
