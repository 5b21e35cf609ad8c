"""A separate list of deletions, read after the entity's own pages."""

from __future__ import annotations

from dataclasses import replace

from shared.adapters.rest.deletions import FIRST_PAGE
from shared.adapters.rest.page_source import Fetched, PageSource
from shared.ports.adapter import FetchRequest, SourceRecord


class DeletionsAfter:
    """Goes on with a deletion list where an incremental run's own pages end.

    The watermark is that of the entity's pages alone: they were read before the list was, so that it has
    told every deletion up to there, and the next run asks it from there. A position is the entity's own, or
    that in the deletion list (`deletions`).
    """

    def __init__(self, source: PageSource, deletions: PageSource) -> None:
        self._source = source
        self._deletions = deletions

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch a page of the entity or of its deletions."""
        position = request.position or {}
        if "deletions" in position:
            return await self._fetch_deletions(replace(request, position=position["deletions"]))
        fetched = await self._source.fetch(request)
        page = fetched.page
        if page.next_position is not None or request.watermark is None:
            return fetched
        return replace(fetched, page=replace(page, next_position=dict(FIRST_PAGE)))

    async def _fetch_deletions(self, request: FetchRequest) -> Fetched:
        fetched = await self._deletions.fetch(request)
        page = fetched.page
        gone = [SourceRecord(each.external_id, each.data, deleted=True) for each in page.records]
        following = None if page.next_position is None else {"deletions": page.next_position}
        return replace(fetched, page=replace(page, records=gone, next_position=following, watermark=None))
