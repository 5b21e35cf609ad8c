"""An integration with a real OpenID provider, and processes of the app that share its stores."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shared.adapters.catalog import catalog
from shared.adapters.registry import AdapterRegistry
from shared.backends.embedded.opening import open_embedded
from shared.backends.opened import Backends
from shared.backends.system_clock import SystemClock
from shared.bootstrap.connections import ConnectionServices, assemble_connections
from shared.config import Settings
from shared.domain.connection import Connection
from shared.domain.integration import Integration, IntegrationStatus
from shared.domain.provider import Provider
from shared.ports.adapter import Adapter
from shared.repositories.connections import ConnectionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.notifications import NotificationRepository
from shared.repositories.providers import ProviderRepository
from shared.resilience.lease import Leases
from shared.services.access_tokens import AccessTokens
from shared.services.credentials import CredentialVault
from tests.fakes.clock import START
from tests.integration.oidc_server import CLIENT_ID, CLIENT_SECRET

TENANT, INTEGRATION = "acme", "int1"
CLIENT = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
ITSELF: dict[str, Any] = {"kind": "oauth2ClientCredentials", "scopes": ["books:read"]}
PERSON: dict[str, Any] = {
    "kind": "oauth2AuthorizationCode",
    "authorizationUrl": "{authServerUrl}/auth",
    "revocationUrl": "{authServerUrl}/token/revocation",
    "scopes": ["openid", "offline_access"],
    "authorizationParameters": {"prompt": "consent"},
}


def account_provider(auth: Mapping[str, Any]) -> dict[str, Any]:
    """Return the server itself as a provider: its API tells who has signed in."""
    account = {"list": {"path": "/me"}, "records": {"jmespath": "[@]"}, "id": "sub"}
    return {
        "id": "oidc",
        "category": "test",
        "displayName": "OpenID provider",
        "settings": {"authServerUrl": {"kind": "url"}},
        "rest": {
            "baseUrl": "{authServerUrl}",
            "auth": {"tokenUrl": "{authServerUrl}/token", **auth},
            "entities": {"account": account},
        },
    }


def gated_kinto(auth: Mapping[str, Any]) -> dict[str, Any]:
    """Return Kinto as a provider whose records are for those only whom the server lets in."""
    shipped = Path(catalog.__file__).parent / "kinto.yaml"
    document: dict[str, Any] = yaml.safe_load(shipped.read_bytes())
    document["id"] = "gated-kinto"
    document["settings"]["authServerUrl"] = {"kind": "url"}
    document["rest"]["auth"] = {"tokenUrl": "{authServerUrl}/token", **auth}
    return document


@dataclass(frozen=True, slots=True)
class OidcWorld:
    """What processes share: the stores and an integration, of a provider given by its document."""

    backends: Backends
    registry: AdapterRegistry
    provider: Provider
    stack: AsyncExitStack

    @property
    def integrations(self) -> IntegrationRepository:
        return IntegrationRepository(self.backends.documents)

    @property
    def connections(self) -> ConnectionRepository:
        return ConnectionRepository(self.backends.documents)

    @property
    def notifications(self) -> NotificationRepository:
        return NotificationRepository(self.backends.documents)

    async def integration(self) -> Integration:
        return await self.integrations.get(TENANT, INTEGRATION)

    async def connection(self) -> Connection:
        return await self.connections.get(TENANT, INTEGRATION)

    async def connect(self, settings: Mapping[str, str], **values: str) -> None:
        """Make the integration if it is not there, and store credentials as a tenant admin does."""
        integration = await self.integrations.find(TENANT, INTEGRATION)
        if integration is None:
            integration = await self.integrations.create(self._new_integration(settings))
        entered = {**CLIENT, **values}
        name, stored = await self._vault().put(integration, self.provider, entered, "ada")
        integration = await self.integrations.replace(
            integration.changed(credential_secret_name=name, credential_version=stored.version)
        )
        if token := values.get("refreshToken"):
            await self._services("setup").lookup.enter(integration, self.provider, token, "ada")

    def process(self, owner: str = "p1") -> AccessTokens:
        """Return what a process of this name asks for tokens."""
        return self._services(owner).access_tokens

    async def token(self, process: AccessTokens) -> str:
        credentials = await process.of(await self.integration(), self.provider)
        assert credentials.tokens is not None
        return (await credentials.tokens.token()).value

    async def adapter(self, process: AccessTokens) -> Adapter:
        integration = await self.integration()
        return self.registry.open(self.provider, integration, await process.of(integration, self.provider))

    def _services(self, owner: str) -> ConnectionServices:
        return assemble_connections(
            backends=self.backends,
            vault=self._vault(),
            adapters=self.registry,
            integrations=self.integrations,
            providers=ProviderRepository(self.backends.documents, tuple, SystemClock()),
            callback_url=None,
            leases=Leases(self.backends.documents, SystemClock(), owner),
            clock=SystemClock(),
            stack=self.stack,
        )

    def _vault(self) -> CredentialVault:
        return CredentialVault(self.backends.secrets, self.registry, SystemClock())

    def _new_integration(self, settings: Mapping[str, str]) -> Integration:
        return Integration(
            id=INTEGRATION,
            tenant_id=TENANT,
            name="Accounts",
            provider_id=self.provider.id,
            provider_category=self.provider.category,
            settings=dict(settings),
            status=IntegrationStatus.ACTIVE,
            created_at=START,
            updated_at=START,
        )


@asynccontextmanager
async def oidc_world(folder: Path, document: Mapping[str, Any]) -> AsyncIterator[OidcWorld]:
    """Open the folder's stores, with what earlier processes have left there."""
    async with AsyncExitStack() as stack:
        backends = await open_embedded(Settings(data_dir=folder / "data"), SystemClock(), stack)
        registry = AdapterRegistry(SystemClock(), allow_private_addresses=True)
        stack.push_async_callback(registry.close)
        provider = Provider.model_validate({**document, "createdAt": START, "updatedAt": START})
        yield OidcWorld(backends, registry, provider, stack)
