"""Reading an entity for each record of its parent entity."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from shared.adapters.rest.page_source import Fetched, PageSource
from shared.adapters.rest.parent_reader import ParentReader
from shared.adapters.rest.parents import PREFIX, Parent
from shared.adapters.rest.walk_position import MoreParents, ParentInHand, Walk
from shared.adapters.rest.watermarks import higher
from shared.domain.errors import RetryableError
from shared.ports.adapter import FetchRequest, SourcePage, SourceRecord

PARENTS_IN_HAND = 100
"""Parents in a position at most. A page of theirs that has more is asked for again."""
AT_ONCE = 4
"""Parents whose children are asked for side by side."""
ROUNDS = 5
"""What one page takes at most: rounds of children, or pages of parents."""


class ChildSource(Protocol):
    """Fetches the children of one parent."""

    async def fetch_children(self, request: FetchRequest, parent: Mapping[str, str]) -> Fetched:
        """Fetch one page; a parent that is no longer there has none."""
        ...


@dataclass(frozen=True, slots=True)
class _Round:
    """What one round came to; `failed` if some of its requests have to be made again."""

    walk: Walk
    as_of: datetime
    records: Sequence[SourceRecord] = ()
    failed: bool = False


class ParentWalk:
    """Fills pages from consecutive parents, until one has as many records as were asked for.

    Incremental runs read the parents in full too, since a new child seldom changes its parent; unless the
    document says that it does.

    Args:
        children: The entity's own requests.
        parents: The parent entity's pages.
        reader: Knows what is needed of a parent.
        parent: What the document says.
    """

    def __init__(
        self, children: ChildSource, parents: PageSource, reader: ParentReader, parent: Parent
    ) -> None:
        self._children = children
        self._parents = parents
        self._reader = reader
        self._parent = parent

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch a page. What fails for the moment ends it, and is asked for again with the next one."""
        done = await self._round(Walk.at(request.position), request)
        records, as_of = [*done.records], done.as_of
        for _ in range(ROUNDS - 1):
            if done.failed or done.walk.position is None or len(records) >= request.page_size:
                break
            try:
                done = await self._round(done.walk, request)
            except RetryableError:
                break
            records += done.records
        walk, position = done.walk, done.walk.position
        page = SourcePage(records, position, None if position else walk.watermark, complete=not walk.gaps)
        return Fetched(page, as_of)

    async def _round(self, walk: Walk, request: FetchRequest) -> _Round:
        return await (self._read_children if walk.parents else self._read_parents)(walk, request)

    async def _read_parents(self, walk: Walk, request: FetchRequest) -> _Round:
        here = walk.more or MoreParents()
        follows = self._parent.changes_with_children
        since = request.watermark if follows else None
        fetched = await self._parents.fetch(
            FetchRequest(self._parent.entity, since, here.position, PARENTS_IN_HAND, self._reader.paths)
        )
        taken, more = _divided(fetched.page, here)
        living = [ParentInHand(values=self._reader.values(each)) for each in taken if not each.deleted]
        watermark = higher({"watermark": walk.watermark}, fetched.page.watermark if follows else None)
        gaps = walk.gaps or not fetched.page.complete
        return _Round(Walk(parents=tuple(living), more=more, watermark=watermark, gaps=gaps), fetched.as_of)

    async def _read_children(self, walk: Walk, request: FetchRequest) -> _Round:
        batch, waiting = walk.parents[:AT_ONCE], walk.parents[AT_ONCE:]
        answers = await asyncio.gather(*(self._ask(each, request) for each in batch), return_exceptions=True)
        fetched = _successes(answers)
        unfinished: list[ParentInHand] = []
        records: list[SourceRecord] = []
        watermark = walk.watermark
        for parent, answer in zip(batch, answers, strict=True):
            if isinstance(answer, BaseException):
                unfinished.append(parent)
                continue
            page = answer.page
            records += (self._reader.adopted(record, parent.values) for record in page.records)
            watermark = higher({"watermark": watermark}, page.watermark)
            if page.next_position is not None:
                unfinished.append(ParentInHand(values=parent.values, at=dict(page.next_position)))
        gaps = walk.gaps or not all(each.page.complete for each in fetched)
        parents = (*unfinished, *waiting)
        following = Walk(parents=parents, more=walk.more, watermark=watermark, gaps=gaps)
        as_of = min(each.as_of for each in fetched)
        return _Round(following, as_of, records, failed=len(fetched) < len(batch))

    async def _ask(self, parent: ParentInHand, request: FetchRequest) -> Fetched:
        values = {f"{PREFIX}{name}": value for name, value in parent.values.items()}
        return await self._children.fetch_children(replace(request, position=parent.at), values)


def _divided(page: SourcePage, here: MoreParents) -> tuple[Sequence[SourceRecord], MoreParents | None]:
    """Return the parents to take in hand, and where there are more.

    A page that is asked for again goes on after the last one taken. If that has vanished, it begins anew: a
    parent read twice costs a request, one left out its children.
    """
    ids = [each.external_id for each in page.records]
    begin = ids.index(here.after) + 1 if here.after in ids else 0
    end = begin + PARENTS_IN_HAND
    if end < len(ids):
        return page.records[begin:end], here.model_copy(update={"after": ids[end - 1]})
    position = page.next_position
    return page.records[begin:], None if position is None else MoreParents(position=dict(position))


def _successes(answers: Sequence[Fetched | BaseException]) -> list[Fetched]:
    """Return what came.

    Raises:
        BaseException: Nothing came, or something failed for good.
    """
    fetched = [each for each in answers if isinstance(each, Fetched)]
    errors = [each for each in answers if isinstance(each, BaseException)]
    for error in errors:
        if not fetched or not isinstance(error, RetryableError):
            raise error
    return fetched
