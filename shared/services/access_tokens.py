"""Live access tokens for adapters, on top of connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from shared.domain.connection import Connection
from shared.domain.errors import ConfigurationError, CredentialsRejectedError, IntegrationError
from shared.domain.integration import Integration
from shared.domain.provider import Provider
from shared.ports.adapter import AdapterSource, Credentials
from shared.ports.clock import Clock
from shared.ports.token_source import AccessToken, TokenSource
from shared.services.connection_lookup import ConnectionLookup
from shared.services.credentials import MAX_CACHED, CredentialVault
from shared.services.shared_tokens import Present
from shared.services.token_cache import HeldToken, TokenCache
from shared.services.token_refresh import Target, TokenRefresh


class AccessTokens:
    """Gives adapters what they sign in with: stored credentials, or a source of tokens in their place.

    Args:
        vault: Has the stored credentials.
        adapters: Know which providers have a token endpoint.
        lookup: Finds the connection.
        refresh: Gets its tokens.
        clock: Time.
    """

    def __init__(
        self,
        vault: CredentialVault,
        adapters: AdapterSource,
        lookup: ConnectionLookup,
        refresh: TokenRefresh,
        clock: Clock,
    ) -> None:
        self._vault = vault
        self._adapters = adapters
        self._lookup = lookup
        self._refresh = refresh
        self._clock = clock
        self._caches: dict[tuple[str, str], TokenCache] = {}

    async def of(
        self, integration: Integration, provider: Provider, user_id: str | None = None
    ) -> Credentials:
        """Return an integration's credentials; where tokens are used, without the values behind them.

        Args:
            integration: Whose.
            provider: Its provider.
            user_id: Whose connection is used; None for the tenant's.

        Raises:
            CredentialsRejectedError: The provider asks for some, and none are stored or they are disabled; or
                nobody has connected, or the connection is over.
            ConfigurationError: The provider's document has problems, or the settings don't fit it.
            UnavailableError: A store does not answer.
        """
        credentials = await self._vault.of(integration, provider)
        endpoint = self._adapters.token_endpoint(provider, integration)
        if endpoint is None:
            return credentials
        connection = await self._lookup.of(integration, provider, user_id)
        connection.require_usable()
        cache = self._cache_of(connection)
        cache.keep_only(Present(connection, integration).versions)
        target = Target(connection, integration, provider, endpoint)
        return Credentials(tokens=_Source(cache, self._refresh, target, self._clock))

    async def try_client(
        self, integration: Integration, provider: Provider, values: Mapping[str, str]
    ) -> None:
        """Refresh the tenant's connection with these credentials of the client; what rotates is kept.

        Raises:
            StopError: The provider does not take them, or the tenant is not connected.
            RetryableError: The provider does not answer now.
        """
        endpoint = self._adapters.token_endpoint(provider, integration)
        if endpoint is None:
            raise ConfigurationError("The provider is not signed in to by tokens.")
        connection = await self._lookup.of(integration, provider)
        await self._refresh.try_client(Target(connection, integration, provider, endpoint), values)

    async def close(self) -> None:
        """Wait until what is being asked for has come and is stored."""
        await asyncio.gather(*(cache.settle() for cache in self._caches.values()))
        await self._refresh.close()

    def _cache_of(self, connection: Connection) -> TokenCache:
        key = connection.tenant_id, connection.id
        if key not in self._caches and len(self._caches) >= MAX_CACHED:
            self._caches = {known: cache for known, cache in self._caches.items() if cache.is_asking}
        return self._caches.setdefault(key, TokenCache(self._clock))


class _Source(TokenSource):
    def __init__(self, cache: TokenCache, refresh: TokenRefresh, target: Target, clock: Clock) -> None:
        self._cache = cache
        self._refresh = refresh
        self._target = target
        self._clock = clock

    async def token(self) -> AccessToken:
        return await self._cache.get(self._ask)

    async def renew(self, rejected: AccessToken) -> AccessToken:
        return await self._cache.renew(rejected, lambda: self._ask(rejected))

    async def _ask(self, rejected: AccessToken | None = None) -> HeldToken:
        """Refresh; where that fails for the moment, use the token that all share while it lives."""
        try:
            return await self._refresh.token(self._target, rejected)
        except CredentialsRejectedError:
            raise
        except IntegrationError:
            living = None
            with contextlib.suppress(IntegrationError):
                living = await self._refresh.living(self._target, rejected)
            if living is None:
                raise
            return living.paused(self._clock.monotonic())
