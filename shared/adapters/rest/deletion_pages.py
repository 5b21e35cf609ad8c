"""What is read after an entity's own pages, so that no deletion is missed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shared.adapters.rest.increment import Increment
from shared.adapters.rest.page_source import Fetched, PageSource
from shared.adapters.rest.watermarks import WatermarkReader
from shared.domain.errors import ProviderContractError, ResyncRequiredError
from shared.domain.sync import Watermark
from shared.ports.adapter import FetchRequest, SourcePage, SourceRecord
from shared.telemetry.logs import get_logger

_NOTHING_ASKED = Fetched(SourcePage((), None, None), datetime.max.replace(tzinfo=UTC))
_log = get_logger("adapter")


class DeletionList:
    """The list of what was deleted. It has no watermark: that is of the entity's pages alone."""

    def __init__(self, source: PageSource) -> None:
        self._source = source

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch a page of deletions."""
        fetched = await self._source.fetch(request)
        gone = [
            each if each.rejection else SourceRecord(each.external_id, each.data, deleted=True)
            for each in fetched.page.records
        ]
        return replace(fetched, page=replace(fetched.page, records=gone, watermark=None))


class GoesOn:
    """Goes on with a second list, asked from a watermark, where a run's own pages end.

    An incremental run asks it from its own watermark: its pages were read before, so that the list has told
    every deletion up to there, and the next run asks from where they have come. A full run has no watermark,
    and a complete list does not show what is gone: the second list is asked from where the run before it had
    come (`deletions_since`). There is nothing to ask before the first copy.

    A position is the entity's own, or that in the second list, under `key`.

    Args:
        first: The entity's pages.
        second: What is asked after them.
        key: Tells positions in the second list from others.
        increment: The entity's.
        always: Incremental runs ask the second list too; else it is what they read anyway.
    """

    def __init__(
        self, first: PageSource, second: PageSource, key: str, increment: Increment, *, always: bool
    ) -> None:
        self._first = first
        self._second = second
        self._key = key
        self._watermarks = WatermarkReader(increment)
        self._is_opaque = not increment.has_times
        self._always = always

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch a page of the entity, or of the second list."""
        position = request.position or {}
        if self._key in position:
            return await self._go_on(request, position)
        fetched = await self._first.fetch(request)
        page = fetched.page
        if page.next_position is not None or self._since(request) is None:
            return fetched
        return replace(fetched, page=replace(page, next_position=self._place(None, complete=page.complete)))

    async def _go_on(self, request: FetchRequest, position: Mapping[str, Any]) -> Fetched:
        complete = not position.get("gaps", False)
        here = replace(
            request, watermark=self._since(request), deletions_since=None, position=position[self._key]
        )
        fetched = await (self._second.fetch(here) if request.watermark is not None else self._tried(here))
        page = fetched.page
        following = None if page.next_position is None else self._place(page.next_position, complete=complete)
        return replace(fetched, page=replace(page, next_position=following, complete=complete))

    async def _tried(self, request: FetchRequest) -> Fetched:
        """Fetch a page for a full run, which must also go well where its provider has forgotten the past.

        A watermark that is no time may be of former settings, or of a former document: refused, it is
        forgotten.
        """
        if not self._watermarks.accepts(request.watermark):
            return _forgotten(request)
        try:
            return await self._second.fetch(request)
        except (ProviderContractError, ResyncRequiredError) as error:
            is_first = request.position is None
            if is_first and (self._is_opaque or isinstance(error, ResyncRequiredError)):
                return _forgotten(request)
            raise

    def _since(self, request: FetchRequest) -> Watermark | None:
        if request.watermark is None:
            return request.deletions_since
        return request.watermark if self._always else None

    def _place(self, position: Mapping[str, Any] | None, *, complete: bool) -> dict[str, Any]:
        return {self._key: position} | ({} if complete else {"gaps": True})


def _forgotten(request: FetchRequest) -> Fetched:
    _log.warning(
        "The provider no longer knows where the last run ended: what it deleted since then is found by a"
        " sweep only",
        extra={"metadata": {"entity": request.entity}},
    )
    return _NOTHING_ASKED
