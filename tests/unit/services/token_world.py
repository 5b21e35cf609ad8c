"""One integration with a refresh token, stores that outlive processes, and processes that can die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from shared.backends.embedded.file_secrets import FileSecretStore
from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.domain.errors import UnavailableError
from shared.domain.integration import Integration
from shared.domain.provider import Provider
from shared.ports.documents import DocumentStore
from shared.ports.secrets import SecretStore
from shared.ports.token_source import TokenSource
from shared.repositories.integrations import IntegrationRepository
from shared.resilience.lease import POLL_SECONDS, Leases
from shared.resilience.retry import Retry, RetryPolicy
from shared.services.access_tokens import AccessTokens
from shared.services.credentials import CredentialVault
from shared.services.token_grants import TokenGrants
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
    """Tells when somebody begins to wait for a lease."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds == POLL_SECONDS:
            self.waiting.set()
        await super().sleep(seconds)


class TokenWorld:
    """What outlives a process."""

    def __init__(self, documents: DocumentStore, secrets: SecretStore, clock: WatchedClock) -> None:
        self.documents = documents
        self.secrets = secrets
        self.clock = clock
        self.endpoint = FakeTokenEndpoint()
        self.integrations = IntegrationRepository(documents)

    def process(self, owner: str = "p1", power: Power | None = None) -> Process:
        return Process(self, owner, power or Power())

    async def integration(self) -> Integration:
        return await self.integrations.get(TENANT, "int1")

    async def stored_refresh_token(self) -> str:
        """The one that the integration names."""
        return str(
            (await self.process().vault.of(await self.integration(), THE_PROVIDER)).values["refreshToken"]
        )


class Process:
    """One process of the app."""

    def __init__(self, world: TokenWorld, owner: str, power: Power) -> None:
        self.world = world
        documents: Any = Powered(world.documents, power, {"put": "document"})
        secrets: Any = Powered(world.secrets, power, {"set": "secret"})
        endpoint: Any = Powered(world.endpoint, power, {"request": "request"})

        async def open_secrets() -> SecretStore:
            return cast("SecretStore", secrets)

        adapters = FakeAdapterSource(FakeAdapter([]))
        adapters.endpoint, adapters.fields = endpoint, FIELDS
        clock = world.clock
        self.integrations = IntegrationRepository(documents)
        self.vault = CredentialVault(open_secrets, adapters, clock)
        saving = Retry(RetryPolicy(max_attempts=10, initial_delay_seconds=0), clock=clock, random=lambda: 0.0)
        leases = Leases(documents, clock, owner)
        grants = TokenGrants(self.vault, self.integrations, leases, saving, clock)
        self.tokens = AccessTokens(self.vault, adapters, grants, clock)

    async def source(self) -> TokenSource:
        credentials = await self.tokens.of(await self.integrations.get(TENANT, "int1"), THE_PROVIDER)
        assert credentials.tokens is not None
        return credentials.tokens

    async def token(self) -> str:
        return (await (await self.source()).token()).value

    async def connect(self, **values: str) -> None:
        """Store credentials as a person does."""
        integration = await self.integrations.get(TENANT, "int1")
        name, stored = await self.vault.put(integration, THE_PROVIDER, {**VALUES, **values}, "ada")
        await self.integrations.replace(
            integration.changed(credential_secret_name=name, credential_version=stored.version)
        )


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
            created_at=START,
            updated_at=START,
        )
        await world.integrations.create(integration)
        await world.process("setup").connect()
        yield world
    finally:
        await documents.close()
