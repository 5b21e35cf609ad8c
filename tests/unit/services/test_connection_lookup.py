"""Which connection an integration signs in with, and when one is made without a person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.domain.connection import Connection, ConnectionStatus
from shared.domain.errors import CredentialsRejectedError
from shared.domain.integration import DisabledBecause, IntegrationStatus
from shared.resilience.lease import POLL_SECONDS, Leases
from tests.fakes.clock import START
from tests.unit.services.sync_world import TENANT
from tests.unit.services.token_world import THE_PROVIDER, Process, TokenWorld, token_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TokenWorld]:
    """The tenant of it is connected."""
    async with token_world(tmp_path) as opened:
        yield opened


async def found(process: Process, user_id: str | None = None) -> Connection:
    return await process.lookup.of(await process.world.integration(), THE_PROVIDER, user_id)


def as_itself(process: Process) -> Process:
    """Let the provider's integrations sign in without a person."""
    process.adapters.kind = "oauth2ClientCredentials"
    process.world.endpoint.consumes_refresh_token = False
    return process


async def test_one_user_s_lack_of_a_connection_is_not_filled_by_the_tenant_s(world: TokenWorld) -> None:
    """What the tenant may see is not what each of its users may."""
    with pytest.raises(CredentialsRejectedError, match="connect first"):
        await found(world.process(), "ada")


async def test_app_that_signs_in_as_itself_gets_a_connection_at_its_first_use(world: TokenWorld) -> None:
    """Without a refresh token, and for the credentials that it has."""
    await world.connections.delete(await world.connection())
    made = await found(as_itself(world.process()))
    assert made == await world.connection()
    assert (made.auth_kind, made.secret_version) == ("oauth2ClientCredentials", None)
    assert made.client_version == (await world.integration()).credential_version


async def test_processes_that_come_at_once_make_one_connection(world: TokenWorld) -> None:
    """Who had to wait uses what the other has made."""
    made = await world.connection()
    await world.connections.delete(made)
    async with Leases(world.documents, world.clock, "p1").hold(TENANT, "token.int1"):
        second = asyncio.create_task(found(as_itself(world.process("p2"))))
        await world.clock.waiting.wait()
        await world.connections.create(made)
    world.clock.advance(POLL_SECONDS)
    assert await second == await world.connection()
    assert (await second).secret_version == made.secret_version


async def test_token_of_an_app_that_signs_in_as_itself_is_shared(world: TokenWorld) -> None:
    """Its connection is read back though it has no refresh token, marked or not."""
    await world.connections.delete(await world.connection())
    assert await as_itself(world.process("p1")).token() == "access-1"
    assert await as_itself(world.process("p2")).token() == "access-1"


async def test_disconnected_stays_so(world: TokenWorld) -> None:
    """The next use does not connect anew what somebody has ended."""
    await world.connections.replace((await world.connection()).changed(status=ConnectionStatus.DISCONNECTED))
    assert (await found(world.process())).status is ConnectionStatus.DISCONNECTED


async def test_refused_key_is_not_tried_again_until_there_is_another(world: TokenWorld) -> None:
    """With other credentials than those refused a service account begins anew."""
    process = as_itself(world.process())
    refused = (await world.connection()).changed(
        status=ConnectionStatus.REVOKED, auth_kind="oauth2ClientCredentials"
    )
    await world.connections.replace(refused)
    assert (await found(process)).status is ConnectionStatus.REVOKED
    await process.set_credentials()
    assert (await found(process)).status is ConnectionStatus.ACTIVE


async def test_other_client_credentials_bring_no_grant_back(world: TokenWorld) -> None:
    """Where a person has to connect, a person has to."""
    process = world.process()
    await world.connections.replace((await world.connection()).changed(status=ConnectionStatus.REVOKED))
    await process.set_credentials()
    assert (await found(process)).status is ConnectionStatus.REVOKED


async def test_entered_refresh_token_brings_connection_and_integration_back(world: TokenWorld) -> None:
    """The former one is disabled, and what a refresh has noted of it is gone."""
    reason = DisabledBecause(code="connection.revoked", connection_id="int1", at=START)
    await world.integrations.replace(
        (await world.integration()).changed(status=IntegrationStatus.DISABLED, disabled_because=reason)
    )
    await world.connections.replace((await world.connection()).changed(status=ConnectionStatus.REVOKED))
    await world.process().connect(refreshToken="from-ada")
    connection = await world.connection()
    assert (connection.status, connection.failure) == (ConnectionStatus.ACTIVE, None)
    assert (await world.integration()).status is IntegrationStatus.ACTIVE
    assert await world.stored_refresh_token() == "from-ada"
    versions = await world.secrets.versions(connection.secret_name or "")
    assert [version.enabled for version in versions] == [True, False]
