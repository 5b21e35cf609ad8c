"""Watermarks of several lists, which never get ahead of the moment when their run began."""

from __future__ import annotations

from dataclasses import replace

from shared.adapters.rest.page_source import Fetched, PageSource
from shared.adapters.rest.watermarks import WatermarkReader, lower
from shared.ports.adapter import FetchRequest


class Capped:
    """Holds a run's watermark at the moment of its first page.

    Of lists that are read one after the other, an early one may change while a late one is read: the late
    one's stamps are higher than the change that was missed. A position is the inner one (`at`), with the
    moment (`began`).
    """

    def __init__(self, source: PageSource, watermarks: WatermarkReader) -> None:
        self._source = source
        self._watermarks = watermarks

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch a page as the inner source does."""
        here = request.position or {}
        fetched = await self._source.fetch(replace(request, position=here.get("at")))
        page = fetched.page
        began = here.get("began", self._watermarks.at(fetched.as_of))
        position = None if page.next_position is None else {"at": page.next_position, "began": began}
        return replace(
            fetched, page=replace(page, next_position=position, watermark=lower(page.watermark, began))
        )
