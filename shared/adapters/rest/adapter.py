"""The adapter for every provider that a document describes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from shared.adapters.http import HttpClient
from shared.adapters.rest.connection import Connection
from shared.adapters.rest.definition import RestDefinition
from shared.adapters.rest.entity import EntityDefinition
from shared.adapters.rest.error_rules import ErrorRules
from shared.adapters.rest.line import Line
from shared.adapters.rest.pacing import Pacing
from shared.adapters.rest.page_source import PageSource
from shared.adapters.rest.record_client import RecordClient
from shared.adapters.rest.signers import signers_of
from shared.adapters.rest.sources import source_of
from shared.domain.errors import ConfigurationError
from shared.domain.integration import Integration
from shared.domain.provider import ProviderDocument
from shared.ports.adapter import Credentials, FetchRequest, Operation, SourcePage, SourceRecord

T = TypeVar("T")


class RestAdapter:
    """One integration's open line to a REST API. What fails for the moment is tried again.

    Raises:
        ConfigurationError: The provider's document has problems, or settings or credentials don't fit it.
    """

    def __init__(
        self,
        http: HttpClient,
        pacing: Pacing,
        document: ProviderDocument,
        integration: Integration,
        credentials: Credentials,
    ) -> None:
        self._pacing = pacing
        self._key = (document.id, integration.tenant_id, integration.id)
        self._definition = definition = RestDefinition.parse(document)
        self._line = Line(
            http,
            Connection.of(document, definition, integration.settings),
            signers_of(definition.auth, credentials, document.id),
            ErrorRules(definition.errors, definition.retry_after, definition.error_message),
            pacing.limiter(self._key, definition.limits),
            definition.rate_limit_headers,
            definition.timeouts,
        )
        self._sources: dict[str, PageSource] = {}
        self._record_clients: dict[str, RecordClient] = {}

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        """Fetch one page, with retries; raises what the port says."""
        source = self._source_of(request.entity)
        fetched = await self._call(request.entity, lambda: source.fetch(request))
        return fetched.page

    def operations(self, entity: str) -> frozenset[Operation]:
        """Return which requests an entity has, besides its list; raises what the port says."""
        return frozenset(self._entity(entity).record_requests())

    async def get(self, entity: str, external_id: str) -> SourceRecord | None:
        """Return a record, with retries; raises what the port says."""
        client = self._records_of(entity)
        return await self._call(entity, lambda: client.get(external_id))

    async def create(self, entity: str, fields: Mapping[str, Any], idempotency_key: str) -> SourceRecord:
        """Make a record, with retries where it can't be made twice; raises what the port says."""
        client = self._records_of(entity)
        return await self._call(entity, lambda: client.create(fields, idempotency_key))

    async def update(
        self, entity: str, external_id: str, fields: Mapping[str, Any], version: str | int | None
    ) -> SourceRecord:
        """Write fields of a record, with retries; raises what the port says."""
        client = self._records_of(entity)
        return await self._call(entity, lambda: client.update(external_id, fields, version))

    async def delete(self, entity: str, external_id: str, version: str | int | None) -> None:
        """Delete a record, with retries; raises what the port says."""
        client = self._records_of(entity)
        await self._call(entity, lambda: client.delete(external_id, version))

    async def search(self, entity: str, text: str, limit: int) -> Sequence[SourceRecord]:
        """Return records that hold a text, with retries; raises what the port says."""
        client = self._records_of(entity)
        return await self._call(entity, lambda: client.search(text, limit))

    async def close(self) -> None:
        """Do nothing: the connections belong to the process, not to one integration."""

    def _source_of(self, name: str) -> PageSource:
        if name not in self._sources:
            self._entity(name)
            self._sources[name] = source_of(self._line_of, self._definition.entities, name)
        return self._sources[name]

    def _records_of(self, name: str) -> RecordClient:
        if name not in self._record_clients:
            self._record_clients[name] = RecordClient(self._line_of(name), name, self._entity(name))
        return self._record_clients[name]

    def _line_of(self, name: str) -> Line:
        limits = self._entity(name).limits
        if limits is None:
            return self._line
        return replace(self._line, limiter=self._pacing.limiter((*self._key, name), limits))

    def _entity(self, name: str) -> EntityDefinition:
        entity = self._definition.entities.get(name)
        if entity is None:
            known = ", ".join(sorted(self._definition.entities))
            raise ConfigurationError(f"The provider has no entity {name}; map one of {known}.")
        return entity

    async def _call(self, entity: str, operation: Callable[[], Awaitable[T]]) -> T:
        rule = self._entity(entity).retry or self._definition.retry
        return await self._pacing.retry(rule).call(operation)
