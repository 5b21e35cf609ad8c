"""One entity of one integration: requests out, pages in."""

from __future__ import annotations

from typing import Any

from yarl import URL

from shared.adapters.http import HttpClient, HttpRequest
from shared.adapters.rest.connection import Connection
from shared.adapters.rest.definition import EntityDefinition, Increment
from shared.adapters.rest.paginators import foreign_position, paginator_of
from shared.adapters.rest.records import RecordReader
from shared.adapters.rest.templates import fill
from shared.domain.sync import Watermark
from shared.ports.adapter import FetchRequest, SourcePage


class EntityClient:
    """Fetches pages of one entity, each with one attempt.

    A position is the paginator's, with the highest watermark of the pages before it: a page's watermark
    then holds for all pages up to it, whatever the order of the records.
    """

    def __init__(
        self,
        http: HttpClient,
        connection: Connection,
        name: str,
        entity: EntityDefinition,
        *,
        timeout_seconds: float,
    ) -> None:
        self._http = http
        self._connection = connection
        self._entity = entity
        self._timeout_seconds = timeout_seconds
        self._paginator = paginator_of(entity.pagination)
        self._reader = RecordReader(name, entity)
        self._headers = {
            header: fill(template, connection.values) for header, template in entity.listing.headers.items()
        }

    async def fetch(self, request: FetchRequest) -> SourcePage:
        """Fetch one page; raises what `Adapter.fetch_page` does."""
        response = await self._http.send(self._http_request(request))
        response.require_success()
        batch = self._reader.read(response.json())
        watermark = _higher((request.position or {}).get("watermark"), batch.watermark)
        position = self._paginator.next_position(response)
        if position is not None and watermark is not None:
            position["watermark"] = watermark
        return SourcePage(batch.records, position, watermark)

    def _http_request(self, request: FetchRequest) -> HttpRequest:
        url = self._first_page(request)
        if request.position is not None:
            url = self._paginator.url_at(url, request.position)
        return HttpRequest("GET", str(url), self._headers, self._timeout_seconds)

    def _first_page(self, request: FetchRequest) -> URL:
        parameters: dict[str, str] = {}
        if self._entity.page:
            parameters[self._entity.page.parameter] = str(min(request.page_size, self._entity.page.max))
        if self._entity.increment:
            parameters |= _since(self._entity.increment, request.watermark)
        return self._connection.url_of(self._entity.listing, parameters)


def _since(increment: Increment, watermark: Watermark | None) -> dict[str, str]:
    value = increment.initial if watermark is None else watermark
    if value is None:
        return {}
    return {increment.parameter: f'"{value}"' if increment.quoted else str(value)}


def _higher(before: Any, here: Watermark | None) -> Watermark | None:
    if before is None or here is None:
        return before if here is None else here
    if type(before) is not type(here):
        raise foreign_position()
    return max(before, here)
