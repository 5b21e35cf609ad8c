"""Many integrations of several providers, whose token endpoints a test controls, and a sweep over them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

from shared.backends.embedded.file_secrets import FileSecretStore
from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.domain.connection import Connection
from shared.domain.errors import CredentialsRejectedError, IntegrationError
from shared.domain.integration import Integration, IntegrationStatus
from shared.domain.notification import Notification
from shared.domain.provider import Provider, ProviderDocument
from shared.ports.token_source import AccessToken, TokenEndpoint, TokenGrant
from shared.repositories.connections import ConnectionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.notifications import NotificationRepository
from shared.repositories.providers import ProviderRepository
from shared.repositories.stored_tokens import StoredTokenRepository
from shared.resilience.lease import Leases
from shared.resilience.retry import Retry, RetryPolicy
from shared.services.access_tokens import AccessTokens
from shared.services.connection_lookup import ConnectionLookup
from shared.services.connection_states import ConnectionStates
from shared.services.credentials import CredentialVault
from shared.services.grant_vault import GrantVault
from shared.services.granted_connections import GrantedConnections
from shared.services.notifications import Notifications
from shared.services.sealing import Sealer
from shared.services.shared_tokens import SharedTokens
from shared.services.token_refresh import RefreshStores, TokenRefresh
from shared.services.token_sweep import TokenSweep
from tests.fakes.adapter import FakeAdapter, FakeAdapterSource
from tests.fakes.clock import START, ManualClock

TENANT = "acme"


class Server(TokenEndpoint):
    """An authorisation server of many grants. It rotates; an old refresh token ends its grant."""

    def __init__(self) -> None:
        self.good: dict[str, str] = {}
        self.requests = 0
        self.failing: IntegrationError | None = None
        self.lifetime = 3600.0
        self.at_once = 0
        self.most_at_once = 0

    @property
    def consumes_refresh_token(self) -> bool:
        return True

    def turn(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def request(
        self, credentials: Mapping[str, str], timeout_seconds: float | None = None
    ) -> TokenGrant:
        self.requests += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self._granted(credentials["refreshToken"])
        finally:
            self.at_once -= 1

    def _granted(self, token: str) -> TokenGrant:
        if self.failing:
            raise self.failing
        grant, _, number = token.rpartition("-")
        if self.good.get(grant, f"{grant}-0") != token:
            self.good[grant] = "none"
            raise CredentialsRejectedError("The grant is gone.")
        self.good[grant] = f"{grant}-{int(number) + 1}"
        return TokenGrant(AccessToken(f"access-{token}"), self.lifetime, self.good[grant])

    async def revoke(self, credentials: Mapping[str, str], token: str) -> bool:
        return True


class Adapters(FakeAdapterSource):
    """Knows a server for each provider."""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        super().__init__(FakeAdapter([]))
        self.servers = servers
        self.fields = ("clientId", "clientSecret", "refreshToken")
        self.kind = "oauth2AuthorizationCode"

    def token_endpoint(self, provider: Provider, integration: Integration) -> TokenEndpoint | None:
        return self.servers[provider.id]


class SweepWorld:
    """Everything that a sweep needs."""

    def __init__(self, documents: SqliteDocumentStore, secrets: FileSecretStore, clock: ManualClock) -> None:
        async def opened() -> FileSecretStore:
            return secrets

        self.clock = clock
        self.servers = {name: Server() for name in ("one", "two", "three")}
        self.adapters = adapters = Adapters(self.servers)
        shipped = [
            ProviderDocument(id=name, category="test", display_name=name, rest={}) for name in self.servers
        ]
        self.providers = ProviderRepository(documents, lambda: shipped, clock)
        self.integrations = IntegrationRepository(documents)
        self.connections = ConnectionRepository(documents)
        self.notifications = NotificationRepository(documents)
        self.leases = Leases(documents, clock, "p1")
        vault, grants = CredentialVault(opened, adapters, clock), GrantVault(opened)
        self.vault = vault
        states = ConnectionStates(
            self.connections, self.integrations, Notifications(self.notifications), clock
        )
        tokens = SharedTokens(StoredTokenRepository(documents), Sealer(opened), clock)
        saving = Retry(RetryPolicy(), clock=clock, random=random.random)
        stores = RefreshStores(vault, grants, tokens, self.connections, self.integrations)
        self.refresh = TokenRefresh(stores, states, self.leases, saving, clock)
        self.lookup = ConnectionLookup(
            granted=GrantedConnections(self.connections, grants, states, clock),
            connections=self.connections,
            adapters=adapters,
            leases=self.leases,
            clock=clock,
        )
        self.tokens = AccessTokens(vault, adapters, self.lookup, self.refresh, clock)
        self.sweep = TokenSweep(
            connections=self.connections,
            integrations=self.integrations,
            providers=self.providers,
            adapters=adapters,
            refresh=self.refresh,
            leases=self.leases,
            clock=clock,
        )

    async def add(self, number: int, provider: str = "one") -> None:
        """Add a connected integration whose first token was got just now."""
        name = f"int{number}"
        made = await self.integrations.create(
            Integration(
                id=name,
                tenant_id=TENANT,
                name=name,
                provider_id=provider,
                provider_category="test",
                status=IntegrationStatus.ACTIVE,
                created_at=START,
                updated_at=START,
            )
        )
        found = await self.providers.get("test", provider)
        values = {"clientId": "c", "clientSecret": "s"}
        secret, stored = await self.vault.put(made, found, values, "ada")
        made = await self.integrations.replace(
            made.changed(credential_secret_name=secret, credential_version=stored.version)
        )
        await self.lookup.enter(made, found, f"refresh-{name}-0", "ada")
        await self.use(number)

    async def use(self, number: int) -> str:
        """Ask for a token, as a sync does."""
        integration = await self.integrations.get(TENANT, f"int{number}")
        provider = await self.providers.get("test", integration.provider_id)
        source = (await self.tokens.of(integration, provider)).tokens
        assert source is not None
        return (await source.token()).value

    async def all_connections(self) -> list[Connection]:
        return list((await self.connections.page(TENANT, 200)).items)

    async def all_integrations(self) -> list[Integration]:
        return list((await self.integrations.page(TENANT, 200)).items)

    async def told(self) -> list[Notification]:
        return list((await self.notifications.page(TENANT, 200)).items)


@asynccontextmanager
async def sweep_world(folder: Path) -> AsyncIterator[SweepWorld]:
    clock = ManualClock()
    documents = await SqliteDocumentStore.open(folder / "documents.db", clock)
    try:
        yield SweepWorld(documents, await FileSecretStore.open(folder / "secrets", clock), clock)
    finally:
        await documents.close()
