"""OAuth against a certified server, which ends a grant when a refresh token is used twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import pytest

from shared.adapters.registry import AdapterRegistry
from shared.backends.embedded.file_secrets import FileSecretStore
from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.backends.system_clock import SystemClock
from shared.domain.errors import ConfigurationError, CredentialsRejectedError
from shared.domain.integration import Integration
from shared.domain.provider import Provider
from shared.ports.adapter import FetchRequest
from shared.ports.secrets import SecretStore
from shared.repositories.connections import ConnectionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.notifications import NotificationRepository
from shared.repositories.stored_tokens import StoredTokenRepository
from shared.resilience.lease import Leases
from shared.resilience.retry import Retry, RetryPolicy
from shared.services.access_tokens import AccessTokens
from shared.services.connection_lookup import ConnectionLookup
from shared.services.connection_states import ConnectionStates
from shared.services.credentials import CredentialVault
from shared.services.grant_vault import GrantVault
from shared.services.notifications import Notifications
from shared.services.sealing import Sealer
from shared.services.shared_tokens import SharedTokens
from shared.services.token_refresh import RefreshStores, TokenRefresh
from tests.fakes.clock import START
from tests.integration.oidc_server import BODY_CLIENT_ID, CLIENT_ID, CLIENT_SECRET, OidcServer, install

pytestmark = pytest.mark.node

CLIENT = {"Authorization": aiohttp.encode_basic_auth(CLIENT_ID, quote_plus(CLIENT_SECRET))}
ITSELF: dict[str, Any] = {"kind": "oauth2ClientCredentials", "scopes": ["books:read"]}
PERSON = {"kind": "oauth2AuthorizationCode", "authorizationUrl": "{serverUrl}/auth"}
WHO = FetchRequest("account", None, None, 10)
"""Reads the server's own API, which wants an access token."""


@pytest.fixture(scope="module")
def oidc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcServer]:
    server = OidcServer(install(tmp_path_factory.mktemp("oidc")))
    server.start()
    yield server
    server.stop()


class World:
    """An integration with the server, and processes of the app that share their stores."""

    def __init__(self, oidc: OidcServer, auth: dict[str, Any], documents: SqliteDocumentStore) -> None:
        self.clock = SystemClock()
        self.registry = AdapterRegistry(self.clock, allow_private_addresses=True)
        self.documents = documents
        self.integrations = IntegrationRepository(documents)
        self.url = oidc.url
        account = {"list": {"path": "/me"}, "records": {"jmespath": "[@]"}, "id": "sub"}
        self.provider = Provider.model_validate(
            {
                "id": "oidc",
                "category": "test",
                "displayName": "OpenID provider",
                "settings": {"serverUrl": {"kind": "url"}},
                "rest": {
                    "baseUrl": "{serverUrl}",
                    "auth": {"tokenUrl": "{serverUrl}/token", **auth},
                    "entities": {"account": account},
                },
                "createdAt": START,
                "updatedAt": START,
            }
        )

    async def connect(self, secrets: SecretStore, **values: str) -> None:
        async def open_secrets() -> SecretStore:
            return secrets

        self.open_secrets = open_secrets
        self.vault = CredentialVault(open_secrets, self.registry, self.clock)
        integration = Integration(
            id="int1",
            tenant_id="acme",
            name="Accounts",
            provider_id="oidc",
            provider_category="test",
            settings={"serverUrl": self.url},
            created_at=START,
            updated_at=START,
        )
        name, stored = await self.vault.put(integration, self.provider, values, "ada")
        named = integration.changed(credential_secret_name=name, credential_version=stored.version)
        await self.integrations.create(named)

    def process(self, owner: str = "p1") -> AccessTokens:
        leases = Leases(self.documents, self.clock, owner)
        saving = Retry(RetryPolicy(), clock=self.clock, random=random.random)
        connections = ConnectionRepository(self.documents)
        notifications = Notifications(NotificationRepository(self.documents))
        states = ConnectionStates(connections, self.integrations, notifications, self.clock)
        grants = GrantVault(self.open_secrets)
        shared = SharedTokens(StoredTokenRepository(self.documents), Sealer(self.open_secrets), self.clock)
        stores = RefreshStores(self.vault, grants, shared, connections, self.integrations)
        refresh = TokenRefresh(stores, states, leases, saving, self.clock)
        lookup = ConnectionLookup(
            vault=self.vault,
            grants=grants,
            connections=connections,
            adapters=self.registry,
            states=states,
            leases=leases,
            clock=self.clock,
        )
        return AccessTokens(self.vault, self.registry, lookup, refresh, self.clock)

    async def token(self, process: AccessTokens) -> str:
        credentials = await process.of(await self.integrations.get("acme", "int1"), self.provider)
        assert credentials.tokens is not None
        return (await credentials.tokens.token()).value

    async def accounts(self, process: AccessTokens) -> list[str]:
        integration = await self.integrations.get("acme", "int1")
        adapter = self.registry.open(self.provider, integration, await process.of(integration, self.provider))
        return [record.external_id for record in (await adapter.fetch_page(WHO)).records]

    async def post(self, path: str, **form: str) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}{path}", data=form, headers=CLIENT) as answer,
        ):
            assert answer.status == 200
            return await answer.json(content_type=None)


@asynccontextmanager
async def world(folder: Path, oidc: OidcServer, auth: dict[str, Any], **values: str) -> AsyncIterator[World]:
    documents = await SqliteDocumentStore.open(folder / "documents.db", SystemClock())
    opened = World(oidc, auth, documents)
    client = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
    await opened.connect(
        await FileSecretStore.open(folder / "secrets", SystemClock()), **{**client, **values}
    )
    try:
        yield opened
    finally:
        await opened.registry.close()
        await documents.close()


async def side_door(oidc: OidcServer, name: str, **query: str) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{oidc.url}/test/{name}", params=query) as answer,
    ):
        assert answer.status == 200
        return await answer.text()


@pytest.fixture
async def refresh_token(oidc: OidcServer) -> str:
    """What somebody who allowed the app in has given it."""
    return await side_door(oidc, "refresh-token")


@pytest.mark.parametrize(("client_auth", "client_id"), [("basic", CLIENT_ID), ("body", BODY_CLIENT_ID)])
async def test_app_signs_in_as_itself(
    tmp_path: Path, oidc: OidcServer, client_auth: str, client_id: str
) -> None:
    """The server knows the token that comes of it, with its scope."""
    auth = {**ITSELF, "clientAuth": client_auth}
    async with world(tmp_path, oidc, auth, clientId=client_id) as opened:
        told = await opened.post("/token/introspection", token=await opened.token(opened.process()))
    assert (told["active"], told["scope"]) == (True, "books:read")


async def test_wrong_secret_is_told_as_such(tmp_path: Path, oidc: OidcServer) -> None:
    """It is nobody's grant that is gone."""
    async with world(tmp_path, oidc, ITSELF, clientSecret="wrong") as opened:
        with pytest.raises(ConfigurationError, match="does not accept the client"):
            await opened.token(opened.process())


async def test_rejected_tokens_are_renewed_again_and_again(
    tmp_path: Path, oidc: OidcServer, refresh_token: str
) -> None:
    """Each renewal uses the refresh token that the one before has brought."""
    async with world(tmp_path, oidc, PERSON, refreshToken=refresh_token) as opened:
        process = opened.process()
        for _ in range(3):
            assert await opened.accounts(process) == ["ada"]
            await side_door(oidc, "expire", token=await opened.token(process))
        assert await opened.accounts(process) == ["ada"]


async def test_processes_that_renew_at_once_do_not_end_the_grant(
    tmp_path: Path, oidc: OidcServer, refresh_token: str
) -> None:
    """Each waits for its turn, and afterwards the grant still lives."""
    async with world(tmp_path, oidc, PERSON, refreshToken=refresh_token) as opened:
        processes = [opened.process(f"p{number}") for number in range(4)]
        accounts = await asyncio.gather(*(opened.accounts(process) for process in processes))
        assert accounts == [["ada"]] * 4
        assert await opened.accounts(opened.process("later")) == ["ada"]


async def test_grant_that_is_gone_is_told(tmp_path: Path, oidc: OidcServer, refresh_token: str) -> None:
    """Somebody has to connect the integration again."""
    async with world(tmp_path, oidc, PERSON, refreshToken=refresh_token) as opened:
        await opened.post("/token/revocation", token=refresh_token)
        with pytest.raises(CredentialsRejectedError, match="connect the integration again"):
            await opened.accounts(opened.process())
