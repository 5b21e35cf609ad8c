"""All kinds of adapters, behind one port."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from shared.adapters.rest import auth, definition, deletions
from shared.adapters.rest.limits import Timeouts
from shared.adapters.rest.oauth import AnyOAuth2, OAuth2AuthorizationCode
from shared.adapters.rest.pacing import Pacing
from shared.adapters.scoped import ScopedAdapter
from shared.domain.errors import Problem
from shared.domain.integration import Integration
from shared.domain.provider import Provider, ProviderDocument
from shared.domain.sweeps import Sweep
from shared.ports.adapter import NO_CREDENTIALS, Adapter, Credentials, ListExtras
from shared.ports.clock import Clock
from shared.ports.token_source import AuthorizationEndpoint, TokenEndpoint

if TYPE_CHECKING:
    from shared.adapters.http import HttpClient
    from shared.adapters.rest.connection import Connection
    from shared.adapters.rest.token_endpoint import RestTokenEndpoint


class AdapterRegistry:
    """Makes adapters that share one HTTP session.

    Args:
        clock: For waits between attempts.
        allow_private_addresses: Whether providers may be inside private networks, and without TLS.
        jitter: Gives numbers from 0 to below 1.
        random_bytes: Gives so many random bytes, fit for secrets.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        allow_private_addresses: bool = False,
        jitter: Callable[[], float] = random.random,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._clock = clock
        self._allow_private_addresses = allow_private_addresses
        self._pacing = Pacing(clock, jitter)
        self._random_bytes = random_bytes
        self._http: HttpClient | None = None

    def open(
        self,
        provider: Provider,
        integration: Integration,
        credentials: Credentials = NO_CREDENTIALS,
        tenant_id: str | None = None,
    ) -> Adapter:
        """Return an adapter for one integration; nothing goes over the network yet.

        Args:
            provider: Whose API it is.
            integration: Has the settings, and says what may be exchanged.
            credentials: What to sign in with.
            tenant_id: For whom; None for the integration's own tenant.

        Raises:
            ConfigurationError: The provider's document has problems, or settings or credentials don't fit it.
        """
        from shared.adapters.rest.adapter import RestAdapter  # noqa: PLC0415 - imports aiohttp

        adapter = RestAdapter(self._client(), self._pacing, provider, integration, credentials)
        return ScopedAdapter(adapter, integration, tenant_id or integration.tenant_id)

    def token_endpoint(self, provider: Provider, integration: Integration) -> TokenEndpoint | None:
        """Return where an integration's access tokens come from; None where its provider knows no such thing.

        Raises:
            ConfigurationError: The provider's document has problems, or the settings don't fit it.
        """
        parsed = definition.RestDefinition.parse(provider)
        if not isinstance(parsed.auth, AnyOAuth2):
            return None
        from shared.adapters.rest.connection import Connection  # noqa: PLC0415 - yarl takes 25 ms

        connection = Connection.of(provider, parsed, integration.settings)
        return self._token_endpoint(provider.id, parsed.auth, connection, parsed.timeouts)

    def credential_fields(self, provider: ProviderDocument) -> Sequence[str]:
        """Return the names of the credentials that an integration of the provider must have.

        Raises:
            ConfigurationError: The document has problems.
        """
        return auth.credential_fields(definition.RestDefinition.parse(provider).auth)

    def authorization_endpoint(
        self, provider: Provider, integration: Integration
    ) -> AuthorizationEndpoint | None:
        """Return where people allow the app in; None where the provider knows no such thing.

        Raises:
            ConfigurationError: The provider's document has problems, or the settings don't fit it.
        """
        parsed = definition.RestDefinition.parse(provider)
        if not isinstance(parsed.auth, OAuth2AuthorizationCode):
            return None
        from shared.adapters.rest.authorization_endpoint import (  # noqa: PLC0415 - imports aiohttp
            RestAuthorizationEndpoint,
        )
        from shared.adapters.rest.connection import Connection  # noqa: PLC0415 - yarl takes 25 ms

        connection = Connection.of(provider, parsed, integration.settings)
        tokens = self._token_endpoint(provider.id, parsed.auth, connection, parsed.timeouts)
        return RestAuthorizationEndpoint(parsed.auth, connection, tokens, self._random_bytes)

    def auth_kind(self, provider: ProviderDocument) -> str:
        """Return the `kind` of the document's `auth`.

        Raises:
            ConfigurationError: The document has problems.
        """
        return definition.RestDefinition.parse(provider).auth.kind

    def entered_fields(self, provider: ProviderDocument) -> Sequence[str]:
        """Return those of the credentials that people enter: all but what comes from connecting.

        Raises:
            ConfigurationError: The document has problems.
        """
        return tuple(name for name in self.credential_fields(provider) if name != auth.REFRESH_TOKEN)

    def check(self, document: ProviderDocument) -> Sequence[Problem]:
        """Return everything that is wrong with a provider's document; empty when it can be used."""
        return definition.check(document)

    def entities(self, provider: ProviderDocument) -> Sequence[str]:
        """Return the names of the entities that the provider's document describes.

        Raises:
            ConfigurationError: The document has problems.
        """
        return tuple(definition.RestDefinition.parse(provider).entities)

    def sweep(self, provider: ProviderDocument, entity: str) -> Sweep:
        """Return what it takes for a record that a complete reading of an entity misses to count as gone.

        Raises:
            ConfigurationError: The document has problems.
        """
        return definition.RestDefinition.parse(provider).sweep_of(entity)

    def list_extras(self, provider: ProviderDocument, entity: str) -> ListExtras:
        """Return what the provider's document declares for the list of one of its entities.

        Raises:
            ConfigurationError: The document has problems.
        """
        declared = definition.RestDefinition.parse(provider).entities[entity]
        has_list = declared.deletions is not None and declared.deletions.listing is not None
        return ListExtras(declared.fields is not None, dict(deletions.FIRST_PAGE) if has_list else None)

    def check_settings(self, provider: ProviderDocument, settings: Mapping[str, str]) -> None:
        """Make sure that an integration's settings are what the provider's document asks for.

        Raises:
            ConfigurationError: One is missing, unknown, or not of its kind, the message lists all; or they
                make a URL of plain http, where only public addresses are allowed.
        """
        from shared.adapters.rest.connection import check_settings, require_https  # noqa: PLC0415 - yarl takes 25 ms

        check_settings(provider, settings)
        if not self._allow_private_addresses:
            require_https(provider, settings)

    async def close(self) -> None:
        """Close the HTTP session. Idempotent."""
        http, self._http = self._http, None
        if http:
            await http.close()

    def _token_endpoint(
        self, provider_id: str, oauth: AnyOAuth2, connection: Connection, timeouts: Timeouts
    ) -> RestTokenEndpoint:
        from shared.adapters.rest.token_endpoint import RestTokenEndpoint  # noqa: PLC0415 - imports aiohttp
        from shared.adapters.rest.token_form import TokenForms  # noqa: PLC0415 - the same

        forms = TokenForms(self._client(), oauth, timeouts)
        limiter = self._pacing.limiter((provider_id, "token"), oauth.limits)
        return RestTokenEndpoint(forms, oauth, connection, self._clock, self._random_bytes, limiter)

    def _client(self) -> HttpClient:
        # aiohttp takes 170 ms to import: the first sync of a process pays, not its cold start.
        from shared.adapters.http import HttpClient  # noqa: PLC0415 - see above

        if self._http is None:
            self._http = HttpClient(clock=self._clock, allow_private_addresses=self._allow_private_addresses)
        return self._http
