"""Single records of one entity of one integration: found, made, changed and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from shared.adapters.http import HttpRequest, HttpResponse
from shared.adapters.rest.client import Line
from shared.adapters.rest.definition import EntityDefinition
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.errors import Action
from shared.adapters.rest.record_answers import RecordAnswers
from shared.adapters.rest.record_inputs import require_id, require_key, require_limit, require_text
from shared.adapters.rest.record_requests import ConditionalRequest, CreateRequest
from shared.adapters.rest.records import RecordReader
from shared.adapters.rest.requests import Request
from shared.adapters.rest.versions import put, written
from shared.domain.errors import (
    ConfigurationError,
    ProviderContractError,
    RecordConflictError,
    RecordMissingError,
    UnavailableError,
    UncertainOutcomeError,
    UnreachableError,
)
from shared.ports.adapter import Operation, SourceRecord

R = TypeVar("R", bound=Request)
Version = str | int | None

_OF_ONE: Mapping[int, Action] = MappingProxyType({404: "notFound", 410: "notFound", 412: "conflict"})
_OF_NEW: Mapping[int, Action] = MappingProxyType({412: "conflict"})
_REQUEST_TIMEOUT = 408


class RecordClient:
    """Sends the requests about single records of one entity, each with one attempt.

    Methods raise what those of `Adapter` do.
    """

    def __init__(self, line: Line, name: str, entity: EntityDefinition) -> None:
        self._line = line
        self._name = name
        self._entity = entity
        self._answers = RecordAnswers(name, entity)

    async def get(self, external_id: str) -> SourceRecord | None:
        """Ask for a record; None where the provider has it not."""
        request = self._declared("get", self._entity.get)
        sent = self._line.request(request, Draft(), {"record.id": require_id(external_id)})
        response = await self._line.http.send(sent)
        try:
            body = self._line.errors.record_body_of(response, _OF_ONE)
        except RecordMissingError:
            return None
        return self._answers.record(response, body, request.record)

    async def create(self, fields: Mapping[str, Any], key: str) -> SourceRecord:
        """Make a record."""
        request = self._declared("create", self._entity.create)
        draft = Draft()
        if request.idempotency_key:
            put(request.idempotency_key, require_key(key), draft)
        sent = self._line.request(request, draft, {"record": dict(fields)})
        if request.idempotency_key:
            return self._created(await self._line.http.send(sent), request)
        return await self._create_once(sent, request)

    async def update(self, external_id: str, fields: Mapping[str, Any], version: Version) -> SourceRecord:
        """Write fields of a record; of the answer's record there may be no more than its id."""
        request = self._declared("update", self._entity.update)
        sent = self._conditional(request, external_id, version, {"record": dict(fields)})
        response = await self._line.http.send(sent)
        body = self._line.errors.record_body_of(response, _OF_ONE)
        return self._answers.record_or_id(response, body, request.record, external_id)

    async def delete(self, external_id: str, version: Version) -> None:
        """Delete a record that may be gone already."""
        request = self._declared("delete", self._entity.delete)
        response = await self._line.http.send(self._conditional(request, external_id, version, {}))
        try:
            self._line.errors.record_body_of(response, _OF_ONE)
        except RecordMissingError:
            return

    async def search(self, text: str, limit: int) -> Sequence[SourceRecord]:
        """Ask for records that hold a text."""
        request = self._declared("search", self._entity.search)
        asked = min(require_limit(limit), request.max or limit)
        about = {"search.text": require_text(text), "search.limit": asked}
        response = await self._line.http.send(self._line.request(request, Draft(), about))
        reader = RecordReader(self._name, self._entity, request.records or self._entity.records)
        return reader.read(self._line.errors.body_of(response)).records[:limit]

    def _declared(self, operation: Operation, request: R | None) -> R:
        if request is None:
            raise ConfigurationError(
                f"Entity {self._name} has no `{operation}` request; add it to the provider's document."
            )
        return request

    def _conditional(
        self, request: ConditionalRequest, external_id: str, version: Version, about: Mapping[str, Any]
    ) -> HttpRequest:
        if version is None and request.uses("record.version"):
            raise RecordConflictError(
                f"A write of entity {self._name} needs the record's version; read it again and decide anew."
            )
        draft = Draft()
        if request.condition and version is not None:
            put(request.condition, written(version, request.condition), draft)
        known = {"record.id": require_id(external_id), "record.version": version}
        return self._line.request(request, draft, {**known, **about})

    async def _create_once(self, sent: HttpRequest, request: CreateRequest) -> SourceRecord:
        """Make a record by a request that makes another one when it is repeated."""
        try:
            response = await self._line.http.send(sent)
        except UnreachableError:
            raise
        except (UnavailableError, ProviderContractError) as error:
            raise _uncertain(error) from error
        try:
            return self._created(response, request)
        except (UnavailableError, ProviderContractError) as error:
            if _was_refused(response):
                raise
            raise _uncertain(error) from error

    def _created(self, response: HttpResponse, request: CreateRequest) -> SourceRecord:
        body = self._line.errors.record_body_of(response, _OF_NEW)
        if request.id is not None:
            return self._answers.new(response, body, request.id)
        return self._answers.record(response, body, request.record)


def _was_refused(response: HttpResponse) -> bool:
    """True where the provider surely did nothing: 4xx, but for the one that says that it got tired."""
    return response.status // 100 == 4 and response.status != _REQUEST_TIMEOUT  # noqa: PLR2004 - RFC 9110, 15


def _uncertain(error: UnavailableError | ProviderContractError) -> UncertainOutcomeError:
    return UncertainOutcomeError(
        f"The record may have been made all the same; look it up before trying again. {error}"
    )
