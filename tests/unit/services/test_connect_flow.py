"""Connecting and ending connections, where time passes and processes die."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.domain.caller import Caller, Role
from shared.domain.connection import ConnectionStatus
from shared.domain.errors import InvalidStateError, UnavailableError
from shared.repositories.oauth_states import OAuthStateRepository
from shared.repositories.providers import ProviderRepository
from shared.repositories.stored_tokens import StoredTokenRepository
from shared.resilience.lease import Leases
from shared.services.connect_callback import CallbackQuery, ConnectCallback
from shared.services.connect_flow import ConnectFlow, ConnectStores, Started
from shared.services.disconnect import Disconnect
from shared.services.granted_connections import GrantedConnections
from shared.services.shared_tokens import SharedTokens
from tests.fakes.authorization_endpoint import FakeAuthorizationEndpoint
from tests.unit.services.sync_world import PROVIDER, TENANT
from tests.unit.services.token_world import CrashError, Power, Powered, Process, TokenWorld, token_world

ADA = Caller("ada", TENANT, frozenset({Role.TENANT_ADMIN}))
CALLBACK = "https://app.example.com/api/oauth/callback"


class Connector:
    """A process that connects and ends connections."""

    def __init__(self, world: TokenWorld, power: Power | None = None) -> None:
        self.process = process = Process(world, "p1", power or Power())
        self.endpoint = FakeAuthorizationEndpoint()
        process.adapters.authorization = self.endpoint
        documents = Powered(world.documents, power or Power(), {"put": "document", "delete": "document"})
        leases = Leases(documents, world.clock, "p1")
        tokens = StoredTokenRepository(documents)
        providers = ProviderRepository(world.documents, lambda: [PROVIDER], world.clock)
        states = OAuthStateRepository(documents)
        stores = ConnectStores(process.integrations, providers, states)
        self.flow = ConnectFlow(
            stores, process.vault, process.adapters, process.sealer, CALLBACK, os.urandom, world.clock
        )
        self.callback = ConnectCallback(
            stores=stores,
            connections=process.connections,
            vault=process.vault,
            adapters=process.adapters,
            sealer=process.sealer,
            granted=GrantedConnections(process.connections, process.grants, process.states, world.clock),
            tokens=SharedTokens(tokens, process.sealer, world.clock),
            leases=leases,
            clock=world.clock,
        )
        self.disconnect = Disconnect(
            connections=process.connections,
            tokens=tokens,
            integrations=process.integrations,
            providers=providers,
            grants=process.grants,
            vault=process.vault,
            adapters=process.adapters,
            leases=leases,
            clock=world.clock,
        )

    async def begin(self) -> Started:
        return await self.flow.begin(ADA, TENANT, "int1", "testing")

    async def finish(self, started: Started, code: str = "1") -> str | None:
        state = started.authorization_url.partition("state=")[2]
        cookies = {started.cookie_name: started.cookie_value}
        connection = await self.callback.finish(CallbackQuery(state, code), cookies)
        return connection.secret_version


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TokenWorld]:
    async with token_world(tmp_path) as opened:
        yield opened


async def test_a_flow_that_took_too_long_is_over(world: TokenWorld) -> None:
    """Ten minutes by the clock, whenever the store forgets it."""
    connector = Connector(world)
    started = await connector.begin()
    world.clock.advance(601)
    with pytest.raises(InvalidStateError, match="begin again"):
        await connector.finish(started)
    assert connector.endpoint.used == []


async def test_a_browser_that_hangs_up_loses_nothing(world: TokenWorld) -> None:
    """The exchange goes on, and what it brought is stored."""
    connector = Connector(world)
    started = await connector.begin()
    finishing = asyncio.create_task(connector.finish(started))
    await connector.endpoint.arrivals.acquire()
    finishing.cancel()
    await connector.callback.close()
    assert await world.stored_refresh_token() == "refresh-1"


@pytest.mark.parametrize("number", range(1, 9))
async def test_a_death_while_connecting_leaves_a_usable_connection(world: TokenWorld, number: int) -> None:
    """The former one or the new one; beginning again works."""
    started = await Connector(world).begin()
    with contextlib.suppress(CrashError):
        await Connector(world, Power(number)).finish(started)
    world.clock.advance(61)  # the dead process's lease runs out
    connection = await world.connection()
    assert connection.status is ConnectionStatus.ACTIVE
    again = Connector(world)
    await again.finish(await again.begin(), "2")
    assert await world.stored_refresh_token() == "refresh-2"
    enabled = [each.enabled for each in await world.secrets.versions(connection.secret_name or "")]
    assert enabled.count(True) == 1


@pytest.mark.parametrize("number", range(1, 8))
async def test_a_death_while_disconnecting_is_made_good_by_the_next_call(
    world: TokenWorld, number: int
) -> None:
    """In the end the token is deleted here and the connection says so."""
    await world.process().token()
    with contextlib.suppress(CrashError):
        await Connector(world, Power(number)).disconnect.run(TENANT, "int1", "ada")
    world.clock.advance(61)
    await Connector(world).disconnect.run(TENANT, "int1", "ada")
    connection = await world.connection()
    assert (connection.status, connection.secret_name) == (ConnectionStatus.DISCONNECTED, None)
    assert await StoredTokenRepository(world.documents).find(TENANT, "int1") is None
    assert not any("oauth" in name for name in await world.secrets.names())


async def test_a_provider_that_does_not_answer_keeps_nobody_connected(world: TokenWorld) -> None:
    """It is noted that the provider did not take the token back."""
    connector = Connector(world)

    world.endpoint.failing = UnavailableError("no answer")
    await connector.disconnect.run(TENANT, "int1", "ada")
    connection = await world.connection()
    assert connection.status is ConnectionStatus.DISCONNECTED
    assert connection.revoked_at_provider is False
