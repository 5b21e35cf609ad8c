"""The adapter for every provider that a document describes."""

from __future__ import annotations

from shared.adapters.http import HttpClient
from shared.adapters.rest.client import EntityClient, Line
from shared.adapters.rest.connection import Connection
from shared.adapters.rest.definition import RestDefinition
from shared.adapters.rest.error_rules import ErrorRules
from shared.adapters.rest.signing import Signer
from shared.domain.errors import ConfigurationError
from shared.domain.integration import Integration
from shared.domain.provider import ProviderDocument
from shared.ports.adapter import Credentials, FetchRequest, SourcePage
from shared.resilience.retry import Retry


class RestAdapter:
    """One integration's open line to a REST API. A page that fails is asked for again.

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

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        """Fetch one page, with retries; raises what the port says."""
        client = self._client_of(request.entity)
        return await self._retry.call(lambda: client.fetch(request))

    async def close(self) -> None:
        """Do nothing: the connections belong to the process, not to one integration."""

    def _client_of(self, name: str) -> EntityClient:
        if name not in self._clients:
            entity = self._definition.entities.get(name)
            if entity is None:
                known = ", ".join(sorted(self._definition.entities))
                raise ConfigurationError(f"The provider has no entity {name}; map one of {known}.")
            self._clients[name] = EntityClient(self._line, name, entity)
        return self._clients[name]
