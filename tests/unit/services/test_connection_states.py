"""What a failed refresh does to a connection and its integration, and that it is told once."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.domain.connection import ConnectionStatus, RefreshMark
from shared.domain.errors import (
    AccessDeniedError,
    ConfigurationError,
    CredentialsRejectedError,
    IntegrationError,
    ProviderContractError,
    ThrottledError,
    UnavailableError,
)
from shared.domain.integration import IntegrationStatus
from shared.domain.notification import Severity
from tests.fakes.clock import START
from tests.unit.services.sync_world import TENANT
from tests.unit.services.token_world import CrashError, Power, Process, TokenWorld, token_world

GONE = CredentialsRejectedError("The grant is gone.")
DOWN = UnavailableError("The server does not answer.")
PASSING = [DOWN, ThrottledError("A pause, please."), ProviderContractError("That is HTML.")]
OURS = [ConfigurationError("The client is not known."), AccessDeniedError("Not allowed.")]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TokenWorld]:
    async with token_world(tmp_path) as opened:
        yield opened


async def fail(process: Process, error: IntegrationError, times: int = 1) -> None:
    world = process.world
    for _ in range(times):
        await process.states.failed(await world.connection(), await world.integration(), error)


async def states(world: TokenWorld) -> tuple[ConnectionStatus, IntegrationStatus]:
    return (await world.connection()).status, (await world.integration()).status


async def test_a_grant_that_is_gone_ends_connection_and_integration_at_once(world: TokenWorld) -> None:
    """The tenant is told once, as critical, however often it is found out."""
    await fail(world.process(), GONE, times=3)
    assert await states(world) == (ConnectionStatus.REVOKED, IntegrationStatus.DISABLED)
    (told,) = await world.told()
    assert (told.severity, told.code) == (Severity.CRITICAL, "connection.revoked")
    reason = (await world.integration()).disabled_because
    assert reason is not None
    assert (reason.code, reason.connection_id) == ("connection.revoked", "int1")


@pytest.mark.parametrize("error", PASSING)
async def test_what_passes_disconnects_nobody_whose_token_lives(
    world: TokenWorld, error: IntegrationError
) -> None:
    """One warning for the whole episode."""
    await world.process().token()
    await fail(world.process(), error, times=5)
    assert await states(world) == (ConnectionStatus.ACTIVE, IntegrationStatus.ACTIVE)
    (told,) = await world.told()
    assert (told.severity, told.code) == (Severity.WARNING, "connection.refresh_failing")


async def test_an_expired_token_that_can_not_be_refreshed_disables_for_the_time(world: TokenWorld) -> None:
    """The next success activates the integration again."""
    await world.process().token()
    world.clock.advance(3600)
    await fail(world.process(), DOWN)
    assert await states(world) == (ConnectionStatus.EXPIRED, IntegrationStatus.DISABLED)
    assert [told.code for told in await world.told()] == ["connection.expired"]
    target = await world.process().target()
    await world.process().refresh.token(target)
    assert await states(world) == (ConnectionStatus.ACTIVE, IntegrationStatus.ACTIVE)
    assert (await world.integration()).disabled_because is None


@pytest.mark.parametrize("error", OURS)
async def test_a_mistake_of_ours_disconnects_nobody(world: TokenWorld, error: IntegrationError) -> None:
    """Not even when the token has expired: nobody has to connect again, somebody has to correct it."""
    await world.process().token()
    world.clock.advance(7200)
    await fail(world.process(), error, times=3)
    assert await states(world) == (ConnectionStatus.ACTIVE, IntegrationStatus.ACTIVE)
    (told,) = await world.told()
    assert (told.severity, told.code) == (Severity.CRITICAL, "connection.misconfigured")


async def test_the_next_episode_is_told_again(world: TokenWorld) -> None:
    """A success ends an episode."""
    await fail(world.process(), DOWN)
    await world.process().token()
    world.clock.advance(10)
    await fail(world.process(), DOWN)
    assert [told.code for told in await world.told()] == ["connection.refresh_failing"] * 2


async def test_what_a_person_has_disabled_stays_so(world: TokenWorld) -> None:
    """Success activates only what the system itself has disabled."""
    integration = await world.integration()
    await world.integrations.replace(integration.changed(status=IntegrationStatus.DISABLED))
    await world.process().token()
    assert (await world.integration()).status is IntegrationStatus.DISABLED


async def test_a_late_failure_does_not_undo_a_reconnect(world: TokenWorld) -> None:
    """The failure was about a refresh token that counts no longer."""
    process = world.process()
    before = await world.connection()
    await process.connect(refreshToken="refresh-new")
    await process.states.failed(before, await world.integration(), GONE)
    assert await states(world) == (ConnectionStatus.ACTIVE, IntegrationStatus.ACTIVE)


@pytest.mark.parametrize("number", range(1, 8))
async def test_a_death_at_any_write_leaves_nothing_out(world: TokenWorld, number: int) -> None:
    """The next process finds out again, does what is left, and tells nothing twice."""
    with contextlib.suppress(CrashError):
        await fail(world.process("p1", Power(number)), GONE)
    await fail(world.process("p2"), GONE)
    assert await states(world) == (ConnectionStatus.REVOKED, IntegrationStatus.DISABLED)
    assert len(await world.told()) == 1


async def test_another_tenant_learns_nothing(world: TokenWorld) -> None:
    """Notifications are the tenant's."""
    await fail(world.process(), GONE)
    assert (await world.notifications.page(f"not-{TENANT}", 10)).items == ()


async def test_a_refresh_without_a_refresh_token_leaves_a_readable_mark(world: TokenWorld) -> None:
    """Of service accounts and clients that sign in as themselves: what is stored has no nulls."""
    connection = await world.connection()
    mark = RefreshMark(fencing_token=1, secret_version=None, until=START)
    await world.connections.replace(connection.changed(refresh=mark))
    assert (await world.connection()).refresh == mark
