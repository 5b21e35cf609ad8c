"""One entity of one integration: requests out, pages in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.adapters.http import HttpResponse
from shared.adapters.rest.answers import Answer
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.end_watermarks import end_reader
from shared.adapters.rest.entity import EntityDefinition
from shared.adapters.rest.fields import FieldSelector
from shared.adapters.rest.line import Line, ReadBody
from shared.adapters.rest.listing import ListRequest
from shared.adapters.rest.notation import Path
from shared.adapters.rest.page_source import Fetched, as_of
from shared.adapters.rest.paginators import paginator_of
from shared.adapters.rest.records import RecordReader, require_some_well_formed
from shared.adapters.rest.run_clock import RunTimes, place_of, run_times
from shared.adapters.rest.watermarks import WatermarkReader, higher
from shared.domain.errors import ProviderContractError
from shared.domain.sync import Watermark
from shared.ports.adapter import FetchRequest, SourcePage
from shared.telemetry.logs import get_logger

_VANISHED = frozenset({404, 410})
_NO_PARENT = object()
_log = get_logger("adapter")


class EntityClient:
    """Fetches pages of one entity, each with one attempt.

    A position is the paginator's, with the highest watermark of the pages before it: a page's watermark
    then holds for all pages up to it, whatever the order of the records. An opaque watermark comes with
    the last page only. Where the first answer tells that the provider's clock is behind, the run begins anew
    from an earlier moment.
    """

    def __init__(self, line: Line, name: str, entity: EntityDefinition) -> None:
        self._line = line
        self._name = name
        self._entity = entity
        self._paginator = paginator_of(entity.pagination, line.signers.clean, _stamp(entity))
        self._watermarks = WatermarkReader(entity.increment) if entity.increment else None
        self._fields = FieldSelector(entity)
        self._token = end_reader(entity.increment, line.signers.clean)
        self._reader = RecordReader(name, entity, entity.records)
        changes = entity.changes
        self._changes_reader = RecordReader(name, entity, changes.records) if changes else self._reader

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch one page; raises what `Adapter.fetch_page` does."""
        fetched = await self._fetch(request, {}, self._line.errors.body_of)
        # Later the document has read good records, and all that lies behind a bad page would be lost.
        if request.watermark is None and request.position is None:
            require_some_well_formed(self._name, fetched.page.records)
        return fetched

    async def fetch_children(self, request: FetchRequest, parent: Mapping[str, str]) -> Fetched:
        """Fetch one page for one parent, given what templates name of it. One that has vanished has none."""
        return await self._fetch(request, parent, self._body_of_children)

    async def _fetch(self, request: FetchRequest, about: Mapping[str, Any], read: ReadBody) -> Fetched:
        listing, draft = self._listing(request), self._draft(request)
        response, body = await self._line.exchange(
            lambda signer: self._line.request(listing, draft, signer, about), read
        )
        if body is _NO_PARENT:
            page = SourcePage((), None, higher(request.position, None), complete=False)
        else:
            page = self._page(request, response, body)
        return Fetched(page, as_of(response, self._line.timeouts.total_seconds))

    def _body_of_children(self, response: HttpResponse) -> Any:
        try:
            return self._line.errors.body_of(response)
        except ProviderContractError:
            if response.status not in _VANISHED:
                raise
            _log.warning("A parent was not found", extra={"metadata": {"place": response.request.place}})
            return _NO_PARENT

    def _page(self, request: FetchRequest, response: HttpResponse, body: Any) -> SourcePage:
        times = self._times(request, response)
        if request.position is None and times.behind:
            return SourcePage((), times.written(), None)
        reader = self._reader if request.watermark is None else self._changes_reader
        batch = reader.read(body, self._floor(request.watermark, times))
        answer = Answer(response, body, batch.count, self._page_size(request), batch.everything)
        place = place_of(request.position)
        position = self._paginator.next_position(answer, place)
        records = self._paginator.fresh(answer, place, batch.records)
        watermark = times.clamped(higher(request.position, batch.watermark))
        if position is None:
            token = self._token(answer)
            return SourcePage(records, None, watermark if token is None else token)
        if watermark is not None:
            position["watermark"] = watermark
        return SourcePage(records, position | times.written(), watermark)

    def _listing(self, request: FetchRequest) -> ListRequest:
        changes = self._entity.changes
        return changes.listing if changes and request.watermark is not None else self._entity.listing

    def _draft(self, request: FetchRequest) -> Draft:
        draft = Draft()
        page, size = self._entity.page, self._page_size(request)
        if page and size is not None:
            draft.put(page.location, page.parameter, size)
        self._fields.apply(request.fields, draft)
        if self._watermarks:
            self._watermarks.apply(request.watermark, draft, RunTimes.of(request.position or {}).behind)
        if (place := place_of(request.position)) is not None:
            self._paginator.apply(place, draft)
        return draft

    def _page_size(self, request: FetchRequest) -> int | None:
        return min(request.page_size, self._entity.page.max) if self._entity.page else None

    def _times(self, request: FetchRequest, response: HttpResponse) -> RunTimes:
        if request.position is None:
            return run_times(response, self._watermarks, request.watermark)
        return RunTimes.of(request.position)

    def _floor(self, watermark: Watermark | None, times: RunTimes) -> Watermark | None:
        return self._watermarks.floor(watermark, times.behind) if self._watermarks else None


def _stamp(entity: EntityDefinition) -> Path | None:
    """Return the field that changes with a record, where the document names one."""
    return entity.modified or (entity.increment.field if entity.increment else None)
