"""One entity of one integration: requests out, pages in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from shared.adapters.http import FORM_TYPE, JSON_TYPE, HttpClient, HttpRequest
from shared.adapters.rest.answers import Answer
from shared.adapters.rest.bodies import encoded_body
from shared.adapters.rest.connection import Connection
from shared.adapters.rest.definition import EntityDefinition, ListRequest
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.error_rules import ErrorRules
from shared.adapters.rest.paginators import paginator_of
from shared.adapters.rest.records import RecordReader
from shared.adapters.rest.requests import Request
from shared.adapters.rest.signing import Signer
from shared.adapters.rest.templates import fill
from shared.adapters.rest.watermarks import WatermarkReader, higher, token_reader
from shared.domain.errors import InvalidRequestError
from shared.domain.sync import Watermark
from shared.ports.adapter import FetchRequest, SourcePage

_NOTHING: Mapping[str, Any] = MappingProxyType({})


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

    def request(self, request: Request, draft: Draft, about: Mapping[str, Any] = _NOTHING) -> HttpRequest:
        """Return a request of the document as it goes out.

        Args:
            request: As the document has it.
            draft: What is added to it.
            about: Values for its placeholders besides settings.

        Raises:
            InvalidRequestError: A value can't stand in a header.
            RecordRejectedError: The record can't be written as the document says.
        """
        values = {**self.connection.values, **about}
        first = self.connection.url_of(request, draft.query, about)
        url = str(first) if draft.target is None else f"{first.origin()}{draft.target}"
        body = encoded_body(request, values, draft)
        own = {name: fill(template, values) for name, template in request.headers.items()}
        return HttpRequest(
            request.method,
            self.signer.signed(url),
            {**_sendable({**own, **draft.headers}), **self.signer.headers},
            self.timeout_seconds,
            body=body,
            content_type=JSON_TYPE if request.form is None else FORM_TYPE,
            secrets=self.signer.secrets,
            shown_path=self.connection.shown_path(request) if about else None,
        )


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
        response = await self._line.http.send(
            self._line.request(self._listing(request), self._draft(request))
        )
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

    def _page_size(self, request: FetchRequest) -> int | None:
        return min(request.page_size, self._entity.page.max) if self._entity.page else None

    def _floor(self, watermark: Watermark | None) -> Watermark | None:
        return self._watermarks.floor(watermark) if self._watermarks else None


def _sendable(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not value.isprintable():
            raise InvalidRequestError(f"The value for the header {name} has a control character; remove it.")
    return headers
