"""One entity of one integration: requests out, pages in."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from shared.adapters.http import HttpClient, HttpRequest
from shared.adapters.rest.answers import Answer
from shared.adapters.rest.connection import Connection
from shared.adapters.rest.definition import EntityDefinition, ListRequest
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.error_rules import ErrorRules
from shared.adapters.rest.paginators import paginator_of
from shared.adapters.rest.records import RecordReader
from shared.adapters.rest.signing import Signer
from shared.adapters.rest.templates import fill, fill_json
from shared.adapters.rest.watermarks import WatermarkReader, higher, token_reader
from shared.domain.sync import Watermark
from shared.ports.adapter import FetchRequest, SourcePage


@dataclass(frozen=True, slots=True)
class Line:
    """What the entities of one integration share.

    Attributes:
        timeout_seconds: For one exchange.
    """

    http: HttpClient
    connection: Connection
    signer: Signer
    errors: ErrorRules
    timeout_seconds: float


class EntityClient:
    """Fetches pages of one entity, each with one attempt.

    A position is the paginator's, with the highest watermark of the pages before it: a page's watermark
    then holds for all pages up to it, whatever the order of the records. An opaque watermark comes with
    the last page only.
    """

    def __init__(self, line: Line, name: str, entity: EntityDefinition) -> None:
        self._line = line
        self._entity = entity
        self._paginator = paginator_of(entity.pagination, line.signer.clean)
        self._watermarks = WatermarkReader(entity.increment) if entity.increment else None
        self._token = token_reader(entity.increment)
        self._reader = RecordReader(name, entity, entity.records)
        changes = entity.changes
        self._changes_reader = RecordReader(name, entity, changes.records) if changes else self._reader

    async def fetch(self, request: FetchRequest) -> SourcePage:
        """Fetch one page; raises what `Adapter.fetch_page` does."""
        response = await self._line.http.send(self._http_request(request))
        body = self._line.errors.body_of(response)
        reader = self._reader if request.watermark is None else self._changes_reader
        batch = reader.read(body, self._floor(request.watermark))
        answer = Answer(response, body, batch.count, self._page_size(request))
        position = self._paginator.next_position(answer, request.position)
        watermark = higher(request.position, batch.watermark)
        if position is None:
            token = self._token(answer)
            return SourcePage(batch.records, None, watermark if token is None else token)
        if watermark is not None:
            position["watermark"] = watermark
        return SourcePage(batch.records, position, watermark)

    def _http_request(self, request: FetchRequest) -> HttpRequest:
        line, listing, draft = self._line, self._listing(request), self._draft(request)
        first = line.connection.url_of(listing, draft.query)
        url = str(first) if draft.target is None else f"{first.origin()}{draft.target}"
        body = draft.added_to(fill_json(listing.json_body or {}, line.connection.values))
        return HttpRequest(
            listing.method,
            line.signer.signed(url),
            self._headers(listing),
            line.timeout_seconds,
            body=orjson.dumps(body) if listing.method == "POST" else None,
            secrets=line.signer.secrets,
        )

    def _listing(self, request: FetchRequest) -> ListRequest:
        changes = self._entity.changes
        return changes.listing if changes and request.watermark is not None else self._entity.listing

    def _draft(self, request: FetchRequest) -> Draft:
        draft = Draft()
        page, size = self._entity.page, self._page_size(request)
        if page and size is not None:
            draft.put(page.location, page.parameter, size)
        if self._watermarks:
            self._watermarks.apply(request.watermark, draft)
        if request.position is not None:
            self._paginator.apply(request.position, draft)
        return draft

    def _headers(self, listing: ListRequest) -> dict[str, str]:
        values = self._line.connection.values
        own = {header: fill(template, values) for header, template in listing.headers.items()}
        return {**own, **self._line.signer.headers}

    def _page_size(self, request: FetchRequest) -> int | None:
        return min(request.page_size, self._entity.page.max) if self._entity.page else None

    def _floor(self, watermark: Watermark | None) -> Watermark | None:
        return self._watermarks.floor(watermark) if self._watermarks else None
