"""The adapter for every provider that a document describes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from shared.adapters.http import HttpClient
from shared.adapters.rest.client import EntityClient, Line
from shared.adapters.rest.connection import Connection
from shared.adapters.rest.definition import EntityDefinition, RestDefinition
from shared.adapters.rest.error_rules import ErrorRules
from shared.adapters.rest.record_client import RecordClient
from shared.adapters.rest.signing import Signer
from shared.domain.errors import ConfigurationError
from shared.domain.integration import Integration
from shared.domain.provider import ProviderDocument
from shared.ports.adapter import Credentials, FetchRequest, Operation, SourcePage, SourceRecord
from shared.resilience.retry import Retry

T = TypeVar("T")


class RestAdapter:
    """One integration's open line to a REST API. What fails for the moment is tried again.

    Raises:
        ConfigurationError: The provider's document has problems, or settings or credentials don't fit it.
    """

    def __init__(
        self,
        http: HttpClient,
        retry: Retry,
        document: ProviderDocument,
        integration: Integration,
        credentials: Credentials,
    ) -> None:
        self._retry = retry
        self._definition = definition = RestDefinition.parse(document)
        self._line = Line(
            http,
            Connection.of(document, definition, integration.settings),
            Signer.of(definition.auth, credentials, document.id),
            ErrorRules(definition.errors, definition.retry_after),
            definition.timeouts.total_seconds,
        )
        self._clients: dict[str, EntityClient] = {}
        self._record_clients: dict[str, RecordClient] = {}

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        """Fetch one page, with retries; raises what the port says."""
        client = self._client_of(request.entity)
        return await self._call(lambda: client.fetch(request))

    def operations(self, entity: str) -> frozenset[Operation]:
        """Return which requests an entity has, besides its list; raises what the port says."""
        return frozenset(self._entity(entity).record_requests())

    async def get(self, entity: str, external_id: str) -> SourceRecord | None:
        """Return a record, with retries; raises what the port says."""
        client = self._records_of(entity)
        return await self._call(lambda: client.get(external_id))

    async def create(self, entity: str, fields: Mapping[str, Any], idempotency_key: str) -> SourceRecord:
        """Make a record, with retries where it can't be made twice; raises what the port says."""
        client = self._records_of(entity)
        return await self._call(lambda: client.create(fields, idempotency_key))

    async def update(
        self, entity: str, external_id: str, fields: Mapping[str, Any], version: str | int | None
    ) -> SourceRecord:
        """Write fields of a record, with retries; raises what the port says."""
        client = self._records_of(entity)
        return await self._call(lambda: client.update(external_id, fields, version))

    async def delete(self, entity: str, external_id: str, version: str | int | None) -> None:
        """Delete a record, with retries; raises what the port says."""
        client = self._records_of(entity)
        await self._call(lambda: client.delete(external_id, version))

    async def search(self, entity: str, text: str, limit: int) -> Sequence[SourceRecord]:
        """Return records that hold a text, with retries; raises what the port says."""
        client = self._records_of(entity)
        return await self._call(lambda: client.search(text, limit))

    async def close(self) -> None:
        """Do nothing: the connections belong to the process, not to one integration."""

    def _client_of(self, name: str) -> EntityClient:
        if name not in self._clients:
            self._clients[name] = EntityClient(self._line, name, self._entity(name))
        return self._clients[name]

    def _records_of(self, name: str) -> RecordClient:
        if name not in self._record_clients:
            self._record_clients[name] = RecordClient(self._line, name, self._entity(name))
        return self._record_clients[name]

    def _entity(self, name: str) -> EntityDefinition:
        entity = self._definition.entities.get(name)
        if entity is None:
            known = ", ".join(sorted(self._definition.entities))
            raise ConfigurationError(f"The provider has no entity {name}; map one of {known}.")
        return entity

    async def _call(self, operation: Callable[[], Awaitable[T]]) -> T:
        return await self._retry.call(operation)
