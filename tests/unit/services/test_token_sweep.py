"""The hourly sweep over connections, and an outage of an hour."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.domain.connection import ConnectionStatus
from shared.domain.errors import ConfigurationError, CredentialsRejectedError, UnavailableError
from shared.domain.integration import IntegrationStatus
from shared.services.token_sweep import WORKERS
from tests.unit.services.sweep_world import SweepWorld, sweep_world

HOUR = 3600.0
DOWN = UnavailableError("The server does not answer.")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SweepWorld]:
    async with sweep_world(tmp_path) as opened:
        yield opened


async def states(world: SweepWorld) -> tuple[set[ConnectionStatus], set[IntegrationStatus]]:
    return (
        {each.status for each in await world.all_connections()},
        {each.status for each in await world.all_integrations()},
    )


async def test_what_expires_soon_is_refreshed_and_the_rest_left_alone(world: SweepWorld) -> None:
    """Within two hours, or with less than half of a short life left."""
    world.servers["two"].lifetime = 12 * HOUR
    for number in range(3):
        await world.add(number, "one")
        await world.add(10 + number, "two")
    fresh = await world.sweep.run()
    assert (fresh.due, fresh.good) == (3, 3)
    assert world.servers["one"].requests == 3
    world.clock.advance(HOUR * 0.6)
    assert (await world.sweep.run()).good == 3
    assert (world.servers["one"].requests, world.servers["two"].requests) == (6, 3)
    world.clock.advance(HOUR * 9.5)
    assert (await world.sweep.run()).good == 6
    assert world.servers["two"].requests == 6


async def test_no_provider_is_asked_by_more_than_a_few_at_once(world: SweepWorld) -> None:
    """However many of its connections are due."""
    for number in range(20):
        await world.add(number)
    world.clock.advance(HOUR)
    report = await world.sweep.run()
    assert (report.due, report.good, report.failed, report.left) == (20, 20, 0, 0)
    assert 1 <= world.servers["one"].most_at_once <= WORKERS


async def test_one_that_is_gone_keeps_no_other_waiting(world: SweepWorld) -> None:
    """It is ended and told; the others are refreshed."""
    for number in range(6):
        await world.add(number, ("one", "two")[number % 2])
    world.servers["one"].good["refresh-int0"] = "another"
    world.clock.advance(HOUR)
    report = await world.sweep.run()
    assert (report.due, report.good, report.failed) == (6, 5, 1)
    assert [told.code for told in await world.told()] == ["connection.revoked"]
    requests = world.servers["one"].requests
    world.clock.advance(HOUR * 0.6)
    assert (await world.sweep.run()).failed == 0
    assert world.servers["one"].requests == requests + 2  # and none for the one that is gone


async def test_two_sweeps_do_not_meet(world: SweepWorld) -> None:
    """The second does nothing."""
    await world.add(1)
    world.clock.advance(HOUR)
    async with world.leases.hold("system", "token-refresher"):
        assert (await world.sweep.run()).due == 0
    assert (await world.sweep.run()).good == 1


async def test_integrations_that_are_gone_are_passed_over(world: SweepWorld) -> None:
    """A deletion may be under way."""
    await world.add(1)
    await world.integrations.delete(await world.integrations.get("acme", "int1"))
    world.clock.advance(HOUR)
    assert (await world.sweep.run()).good == 1


async def test_an_hour_without_the_token_endpoint_disconnects_nobody_for_good(world: SweepWorld) -> None:
    """Syncs every minute, sweeps every hour: who has a living token works on; all recover by themselves."""
    for number in range(8):
        world.servers["one"].lifetime = HOUR * (0.4 + 0.2 * number)
        await world.add(number)
    world.servers["one"].lifetime = HOUR
    world.servers["one"].failing = DOWN
    for minute in range(60):
        world.clock.advance(60)
        now = world.clock.now()
        for connection in await world.all_connections():
            number = int(connection.id.removeprefix("int"))
            assert connection.expires_at is not None
            if connection.expires_at > now:
                assert await world.use(number)  # it works on
                integration = await world.integrations.get("acme", connection.id)
                assert integration.status is IntegrationStatus.ACTIVE
        if minute % 60 == 59:
            await world.sweep.run()
    assert ConnectionStatus.EXPIRED in (await states(world))[0]
    assert ConnectionStatus.REVOKED not in (await states(world))[0]
    world.servers["one"].failing = None
    world.clock.advance(HOUR)
    report = await world.sweep.run()
    assert (report.failed, report.left) == (0, 0)
    assert await states(world) == ({ConnectionStatus.ACTIVE}, {IntegrationStatus.ACTIVE})
    codes = [told.code for told in await world.told()]
    assert set(codes) <= {"connection.refresh_failing", "connection.expired"}
    assert max(codes.count(code) for code in codes) <= 8  # once for each of the connections


async def test_a_wrong_client_secret_disconnects_nobody(world: SweepWorld) -> None:
    """It is a mistake of ours: told once for each connection, and mended by the right one."""
    for number in range(3):
        await world.add(number)
    world.servers["one"].failing = ConfigurationError("The server does not accept the client.")
    for _ in range(5):
        world.clock.advance(HOUR)
        assert (await world.sweep.run()).failed == 3
    assert await states(world) == ({ConnectionStatus.ACTIVE}, {IntegrationStatus.ACTIVE})
    assert [told.code for told in await world.told()] == ["connection.misconfigured"] * 3
    world.servers["one"].failing = None
    assert (await world.sweep.run()).good == 3


async def test_a_revoked_grant_is_asked_for_no_more(world: SweepWorld) -> None:
    """Disabled once, one critical notification, and not one call more to the provider."""
    await world.add(1)
    world.servers["one"].good["refresh-int1"] = "another"
    world.clock.advance(HOUR)
    for _ in range(4):
        await world.sweep.run()
        world.clock.advance(HOUR)
        with pytest.raises(CredentialsRejectedError):
            await world.use(1)
    assert world.servers["one"].requests == 2
    (told,) = await world.told()
    assert (told.code, told.severity) == ("connection.revoked", "critical")
    assert await states(world) == ({ConnectionStatus.REVOKED}, {IntegrationStatus.DISABLED})
