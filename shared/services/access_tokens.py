"""Live access tokens for adapters, on top of the stored credentials."""

from __future__ import annotations

import asyncio

from shared.domain.integration import Integration
from shared.domain.provider import Provider
from shared.ports.adapter import AdapterSource, Credentials
from shared.ports.clock import Clock
from shared.ports.token_source import AccessToken, TokenSource
from shared.services.credentials import MAX_CACHED, CredentialVault
from shared.services.token_cache import HeldToken, TokenCache
from shared.services.token_grants import Client, TokenGrants


class AccessTokens:
    """Gives adapters what they sign in with: stored credentials, or a source of tokens in their place.

    Args:
        vault: Has the stored credentials.
        adapters: Know which providers have a token endpoint.
        grants: Ask there.
        clock: Time.
    """

    def __init__(
        self, vault: CredentialVault, adapters: AdapterSource, grants: TokenGrants, clock: Clock
    ) -> None:
        self._vault = vault
        self._adapters = adapters
        self._grants = grants
        self._clock = clock
        self._caches: dict[tuple[str, str], TokenCache] = {}

    async def of(self, integration: Integration, provider: Provider) -> Credentials:
        """Return an integration's credentials; where tokens are used, without the values behind them.

        Raises:
            CredentialsRejectedError: The provider asks for some, and none are stored or they are disabled.
            ConfigurationError: The provider's document has problems, or the settings don't fit it.
            UnavailableError: The secret store does not answer.
        """
        credentials = await self._vault.of(integration, provider)
        endpoint = self._adapters.token_endpoint(provider, integration)
        if endpoint is None:
            return credentials
        cache = self._cache_of(integration)
        cache.keep_only(integration.credential_version)
        client = Client(integration.tenant_id, integration.id, provider, endpoint)
        return Credentials(tokens=_Source(cache, self._grants, client))

    async def close(self) -> None:
        """Wait until what is being asked for has come and is stored."""
        await asyncio.gather(*(cache.settle() for cache in self._caches.values()))

    def _cache_of(self, integration: Integration) -> TokenCache:
        key = integration.tenant_id, integration.id
        if key not in self._caches and len(self._caches) >= MAX_CACHED:
            self._caches = {known: cache for known, cache in self._caches.items() if cache.is_asking}
        return self._caches.setdefault(key, TokenCache(self._clock))


class _Source(TokenSource):
    def __init__(self, cache: TokenCache, grants: TokenGrants, client: Client) -> None:
        self._cache = cache
        self._grants = grants
        self._client = client

    async def token(self) -> AccessToken:
        return await self._cache.get(self._ask)

    async def renew(self, rejected: AccessToken) -> AccessToken:
        return await self._cache.renew(rejected, self._ask)

    async def _ask(self) -> HeldToken:
        return await self._grants.ask(self._client)
