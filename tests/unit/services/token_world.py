"""One integration with a refresh token, stores that outlive processes, and processes that can die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from shared.backends.embedded.file_secrets import FileSecretStore
from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.domain.connection import Connection
from shared.domain.errors import UnavailableError
from shared.domain.integration import Integration, IntegrationStatus
from shared.domain.notification import Notification
from shared.domain.provider import Provider
from shared.ports.documents import DocumentStore
from shared.ports.secrets import SecretStore
from shared.ports.token_source import TokenSource
from shared.repositories.connections import ConnectionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.notifications import NotificationRepository
from shared.repositories.stored_tokens import StoredTokenRepository
from shared.resilience.lease import POLL_SECONDS, Leases
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
from shared.services.token_refresh import RefreshStores, Target, TokenRefresh
from tests.fakes.adapter import FakeAdapter, FakeAdapterSource
from tests.fakes.clock import START, ManualClock
from tests.fakes.token_endpoint import FakeTokenEndpoint
from tests.unit.services.sync_world import PROVIDER, TENANT

FIELDS = ("clientId", "clientSecret", "refreshToken")
VALUES = {"clientId": "c", "clientSecret": "s", "refreshToken": "refresh-0"}
THE_PROVIDER = Provider(**PROVIDER.model_dump(by_alias=False), created_at=START, updated_at=START)


class CrashError(Exception):
    """The process is dead: nothing of it goes on."""


class Power:
    """Goes off before or after the effect of a certain number; whatever the process does then fails.

    `refusals` counts, by name, the effects that fail for the moment first.
    """

    def __init__(self, off_at: int | None = None, *, before: bool = True) -> None:
        self.effects: list[str] = []
        self.refusals: dict[str, int] = {}
        self._off_at = off_at
        self._before = before
        self._is_off = False

    async def effect(self, name: str, call: Callable[[], Any]) -> Any:
        self._require()
        self.effects.append(name)
        last = len(self.effects) == self._off_at
        self._is_off = last and self._before
        self._require()
        if self.refusals.get(name):
            self.refusals[name] -= 1
            raise UnavailableError("The store does not answer.")
        result = await call()
        self._is_off = last
        self._require()
        return result

    def _require(self) -> None:
        if self._is_off:
            raise CrashError


class Powered:
    """A store or an endpoint that works as long as the power is on; what changes something is an effect."""

    def __init__(self, inner: Any, power: Power, effects: Mapping[str, str]) -> None:
        self._inner = inner
        self._power = power
        self._effects = effects

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._effects:
            return found
        effect = self._effects[name]
        return lambda *args, **named: self._power.effect(effect, lambda: found(*args, **named))


class WatchedClock(ManualClock):
    """Tells when somebody begins to wait for a lease; `waits` is released with every such wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = asyncio.Event()
        self.waits = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        if seconds == POLL_SECONDS:
            self.waiting.set()
            self.waits.release()
        await super().sleep(seconds)


class TokenWorld:
    """What outlives a process."""

    def __init__(self, documents: DocumentStore, secrets: SecretStore, clock: WatchedClock) -> None:
        self.documents = documents
        self.secrets = secrets
        self.clock = clock
        self.endpoint = FakeTokenEndpoint()
        self.integrations = IntegrationRepository(documents)
        self.connections = ConnectionRepository(documents)
        self.notifications = NotificationRepository(documents)

    def process(self, owner: str = "p1", power: Power | None = None) -> Process:
        return Process(self, owner, power or Power())

    async def integration(self) -> Integration:
        return await self.integrations.get(TENANT, "int1")

    async def connection(self) -> Connection:
        """The tenant's."""
        return await self.connections.get(TENANT, "int1")

    async def stored_refresh_token(self) -> str:
        """The one that the connection names."""
        return await self.process().grants.get(await self.connection())

    async def told(self) -> list[Notification]:
        return list((await self.notifications.page(TENANT, 100)).items)


class Process:
    """One process of the app."""

    def __init__(self, world: TokenWorld, owner: str, power: Power) -> None:
        self.world = world
        documents: Any = Powered(world.documents, power, {"put": "document", "delete": "document"})
        secrets: Any = Powered(world.secrets, power, {"set": "secret"})
        endpoint: Any = Powered(world.endpoint, power, {"request": "request"})

        async def open_secrets() -> SecretStore:
            return cast("SecretStore", secrets)

        adapters = FakeAdapterSource(FakeAdapter([]))
        adapters.endpoint, adapters.fields = endpoint, FIELDS
        adapters.kind = "oauth2AuthorizationCode"
        clock = world.clock
        leases = Leases(documents, clock, owner)
        saving = Retry(RetryPolicy(max_attempts=10, initial_delay_seconds=0), clock=clock, random=lambda: 0.0)
        self.integrations = IntegrationRepository(documents)
        self.connections = ConnectionRepository(documents)
        self.vault = CredentialVault(open_secrets, adapters, clock)
        self.grants = GrantVault(open_secrets)
        self.sealer = Sealer(open_secrets)
        self.states = ConnectionStates(
            self.connections, self.integrations, Notifications(NotificationRepository(documents)), clock
        )
        shared = SharedTokens(StoredTokenRepository(documents), self.sealer, clock)
        stores = RefreshStores(self.vault, self.grants, shared, self.connections, self.integrations)
        self.refresh = TokenRefresh(stores, self.states, leases, saving, clock)
        self.lookup = ConnectionLookup(
            granted=GrantedConnections(self.connections, self.grants, self.states, clock),
            connections=self.connections,
            adapters=adapters,
            leases=leases,
            clock=clock,
        )
        self.adapters = adapters
        self.tokens = AccessTokens(self.vault, adapters, self.lookup, self.refresh, clock)

    async def target(self) -> Target:
        integration = await self.integrations.get(TENANT, "int1")
        endpoint = self.adapters.endpoint
        assert endpoint is not None
        return Target(await self.world.connection(), integration, THE_PROVIDER, endpoint)

    async def source(self) -> TokenSource:
        credentials = await self.tokens.of(await self.integrations.get(TENANT, "int1"), THE_PROVIDER)
        assert credentials.tokens is not None
        return credentials.tokens

    async def token(self) -> str:
        return (await (await self.source()).token()).value

    async def set_credentials(self, **values: str) -> Integration:
        """Store the client's credentials as a person does."""
        integration = await self.integrations.get(TENANT, "int1")
        entered = {**VALUES, **values}
        name, stored = await self.vault.put(integration, THE_PROVIDER, entered, "ada")
        return await self.integrations.replace(
            integration.changed(credential_secret_name=name, credential_version=stored.version)
        )

    async def connect(self, **values: str) -> None:
        """Store credentials with a refresh token as a person does."""
        integration = await self.set_credentials(**values)
        token = {**VALUES, **values}["refreshToken"]
        await self.lookup.enter(integration, THE_PROVIDER, token, "ada")

    async def connect_past_the_lease(self, refresh_token: str) -> None:
        """Reconnect though a refresh is under way, as where its lease has run out."""
        connection = await self.world.connection()
        name, version = await self.grants.put(connection, refresh_token, "ada")
        await self.connections.replace(connection.changed(secret_name=name, secret_version=version))


@asynccontextmanager
async def token_world(folder: Path) -> AsyncIterator[TokenWorld]:
    clock = WatchedClock()
    documents = await SqliteDocumentStore.open(folder / "documents.db", clock)
    try:
        world = TokenWorld(documents, await FileSecretStore.open(folder / "secrets", clock), clock)
        integration = Integration(
            id="int1",
            tenant_id=TENANT,
            name="Things",
            provider_id="fake",
            provider_category="test",
            status=IntegrationStatus.ACTIVE,
            created_at=START,
            updated_at=START,
        )
        await world.integrations.create(integration)
        setup = world.process("setup")
        await setup.connect()
        await setup.sealer.seal("a first text", ())  # makes the data key
        yield world
    finally:
        await documents.close()
