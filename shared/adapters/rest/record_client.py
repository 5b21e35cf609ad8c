"""Single records of one entity of one integration: found, made, changed and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, TypeVar

from shared.adapters.http import HttpResponse
from shared.adapters.rest.attempts import Attempt
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.entity import EntityDefinition
from shared.adapters.rest.errors import Action
from shared.adapters.rest.line import Line, Make
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
        make = self._made(request, Draft(), {"record.id": require_id(external_id)})
        try:
            response, body = await self._line.exchange(make, self._of_one)
        except RecordMissingError:
            return None
        return self._answers.record(response, body, request.record)

    async def create(self, fields: Mapping[str, Any], key: str) -> SourceRecord:
        """Make a record."""
        request = self._declared("create", self._entity.create)
        draft = Draft()
        if request.idempotency_key:
            put(request.idempotency_key, require_key(key), draft)
        make = self._made(request, draft, {"record": dict(fields)})
        if request.idempotency_key:
            return self._created(request, *await self._line.exchange(make, self._of_new))
        return await self._create_once(make, request)

    async def update(self, external_id: str, fields: Mapping[str, Any], version: Version) -> SourceRecord:
        """Write fields of a record; of the answer's record there may be no more than its id."""
        request = self._declared("update", self._entity.update)
        make = self._conditional(request, external_id, version, {"record": dict(fields)})
        response, body = await self._line.exchange(make, self._of_one)
        return self._answers.record_or_id(response, body, request.record, external_id)

    async def delete(self, external_id: str, version: Version) -> None:
        """Delete a record that may be gone already."""
        request = self._declared("delete", self._entity.delete)
        make = self._conditional(request, external_id, version, {})
        with suppress(RecordMissingError):
            await self._line.exchange(make, self._of_one)

    async def search(self, text: str, limit: int) -> Sequence[SourceRecord]:
        """Ask for records that hold a text."""
        request = self._declared("search", self._entity.search)
        asked = min(require_limit(limit), request.max or limit)
        about = {"search.text": require_text(text), "search.limit": asked}
        _, body = await self._line.exchange(self._made(request, Draft(), about))
        reader = RecordReader(self._name, self._entity, request.records or self._entity.records)
        return reader.read_found(body)[:limit]

    def _declared(self, operation: Operation, request: R | None) -> R:
        if request is None:
            raise ConfigurationError(
                f"Entity {self._name} has no `{operation}` request; add it to the provider's document."
            )
        return request

    def _conditional(
        self, request: ConditionalRequest, external_id: str, version: Version, about: Mapping[str, Any]
    ) -> Make:
        if version is None and request.uses("record.version"):
            raise RecordConflictError(
                f"A write of entity {self._name} needs the record's version; read it again and decide anew."
            )
        draft = Draft()
        if request.condition and version is not None:
            put(request.condition, written(version, request.condition), draft)
        known = {"record.id": require_id(external_id), "record.version": version}
        return self._made(request, draft, {**known, **about})

    def _made(self, request: Request, draft: Draft, about: Mapping[str, Any]) -> Make:
        return lambda signer: self._line.request(request, draft, signer, about)

    async def _create_once(self, make: Make, request: CreateRequest) -> SourceRecord:
        """Make a record by a request that makes another one when it is repeated."""
        attempt = Attempt()
        try:
            answer = await self._line.exchange(attempt.sending(make), attempt.reading(self._of_new))
            return self._created(request, *answer)
        except UnreachableError:
            raise
        except (UnavailableError, ProviderContractError) as error:
            if not attempt.may_have_succeeded:
                raise
            raise UncertainOutcomeError(
                f"The record may have been made all the same; look it up before trying again. {error}"
            ) from error

    def _created(self, request: CreateRequest, response: HttpResponse, body: Any) -> SourceRecord:
        if request.id is not None:
            return self._answers.new(response, body, request.id)
        return self._answers.record(response, body, request.record)

    def _of_one(self, response: HttpResponse) -> Any:
        return self._line.errors.record_body_of(response, _OF_ONE)

    def _of_new(self, response: HttpResponse) -> Any:
        return self._line.errors.record_body_of(response, _OF_NEW)
