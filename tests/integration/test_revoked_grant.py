"""Somebody takes the app's access away at the provider."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.domain.connection import ConnectionStatus
from shared.domain.errors import CredentialsRejectedError
from shared.domain.integration import IntegrationStatus
from shared.services.access_tokens import AccessTokens
from tests.integration.oidc_server import OidcServer
from tests.integration.oidc_world import PERSON, TENANT, OidcWorld, account_provider, oidc_world

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def oidc(oidc_script: Path) -> Iterator[OidcServer]:
    server = OidcServer(oidc_script)
    server.start()
    yield server
    server.stop()


async def is_refused(world: OidcWorld, process: AccessTokens) -> bool:
    try:
        await world.token(process)
    except CredentialsRejectedError:
        return True
    return False


async def asked(oidc: OidcServer) -> int:
    """How often the server was asked for tokens."""
    return sum(event.name in ("grant.success", "grant.error") for event in await oidc.events())


async def test_revoked_grant_disables_once_and_is_asked_for_no_more(tmp_path: Path, oidc: OidcServer) -> None:
    """One request finds out; then there is one critical notification, and nobody asks any more."""
    allowed = await oidc.allow()
    async with oidc_world(tmp_path, account_provider(PERSON)) as world:
        await world.connect({"authServerUrl": oidc.url}, refreshToken=allowed.refresh_token)
        await oidc.revoke(allowed.grant_id)
        processes = [world.process(f"p{number}") for number in range(2)]
        refused = await asyncio.gather(*(is_refused(world, process) for process in processes * 10))
        assert refused == [True] * 20
        assert await asked(oidc) == 1
        assert (await world.connection()).status is ConnectionStatus.REVOKED
        integration = await world.integration()
        assert integration.status is IntegrationStatus.DISABLED
        assert integration.disabled_because is not None
        told = (await world.notifications.page(TENANT, 100)).items
        assert [notification.severity for notification in told] == ["critical"]


async def test_new_grant_makes_it_work_again(tmp_path: Path, oidc: OidcServer) -> None:
    """The integration is active again, without anybody's doing."""
    first = await oidc.allow()
    async with oidc_world(tmp_path, account_provider(PERSON)) as world:
        await world.connect({"authServerUrl": oidc.url}, refreshToken=first.refresh_token)
        await oidc.revoke(first.grant_id)
        assert await is_refused(world, world.process())
        second = await oidc.allow()
        await world.connect({"authServerUrl": oidc.url}, refreshToken=second.refresh_token)
        assert not await is_refused(world, world.process("later"))
        assert (await world.integration()).status is IntegrationStatus.ACTIVE
        assert [event.name for event in await oidc.events(second.grant_id)][-1] == "grant.success"
