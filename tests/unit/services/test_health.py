"""Health: a tenant's integrations, judged by how their last run ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.domain.connection import Connection, ConnectionStatus
from shared.domain.integration import DisabledBecause, IntegrationStatus, LastSync
from shared.domain.sync import SyncMode
from shared.repositories.connections import ConnectionRepository
from shared.services.health import LATE, MAX_NAMED, Health, HealthReport
from tests.fakes.clock import START
from tests.unit.services.sync_world import TENANT, SyncWorld, record, sync_world


async def health(world: SyncWorld) -> HealthReport:
    return await Health(world.integrations, ConnectionRepository(world.store), world.clock).report(TENANT)


@pytest.mark.parametrize(
    ("endings", "status"),
    [
        ([], "healthy"),
        ([None, "succeeded"], "healthy"),
        (["succeeded", "partial"], "degraded"),
        (["partial", "failed", "succeeded"], "unhealthy"),
    ],
)
async def test_the_worst_active_integration_decides(
    tmp_path: Path, endings: list[str | None], status: str
) -> None:
    """Disabled ones don't count, and neither do another tenant's."""
    async with sync_world(tmp_path) as world:
        for number, ending in enumerate(endings):
            last = LastSync(execution_id="x", status=ending, finished_at=START) if ending else None
            await world.add_integration(id=f"i{number}", last_sync=last)
        failed = LastSync(execution_id="x", status="failed", finished_at=START)
        await world.add_integration(id="off", status=IntegrationStatus.DISABLED, last_sync=failed)
        await world.add_integration(id="foreign", tenant_id="other", last_sync=failed)
        report = await Health(world.integrations, ConnectionRepository(world.store), world.clock).report(
            TENANT
        )
    assert (report.status, report.integrations.total) == (status, len(endings))


async def test_who_is_not_healthy_is_named_with_the_reason(tmp_path: Path) -> None:
    """The unhealthy before the degraded, each with what its last run said and when that was."""
    async with sync_world(tmp_path) as world:
        await world.add_integration(name="Contacts")
        world.adapter.records = [record("a"), record("b", None)]
        await world.run()
        world.clock.advance(60)
        await world.add_integration(id="int2", name="Invoices")
        failed = LastSync(
            execution_id="x",
            status="failed",
            finished_at=START,
            reason="credentials_rejected: Set a new key.",
        )
        integration = await world.integrations.get(TENANT, "int2")
        await world.integrations.replace(integration.changed(last_sync=failed))
        await world.add_integration(id="int3", name="Fine")
        report = await health(world)
    assert [(one.name, one.status, one.reason, one.last_sync_at) for one in report.not_healthy] == [
        (
            "Invoices",
            "unhealthy",
            "The last run failed. credentials_rejected: Set a new key.",
            START,
        ),
        ("Contacts", "degraded", "The last run rejected records. 1 of 2 records were rejected.", START),
    ]


async def test_a_run_that_failed_leaves_its_reason(tmp_path: Path) -> None:
    """The integration repeats the run's error, so that health needs no other document."""
    async with sync_world(tmp_path) as world:
        await world.add_integration(provider_id="gone")
        await world.run(SyncMode.FULL)
        (one,) = (await health(world)).not_healthy
    assert (one.integration_id, one.status) == ("int1", "unhealthy")
    assert "configuration_error" in one.reason


async def test_a_sync_that_nobody_starts_is_noticed(tmp_path: Path) -> None:
    """Within its interval it is healthy, and some minutes late too."""
    async with sync_world(tmp_path) as world:
        await world.add_integration(next_sync_at=START)
        world.clock.advance(LATE.total_seconds())
        assert (await health(world)).status == "healthy"
        world.clock.advance(1)
        report = await health(world)
    assert (report.status, report.not_healthy[0].reason) == (
        "degraded",
        "Its sync is due and has not been started.",
    )


async def test_the_list_has_an_end(tmp_path: Path) -> None:
    """The counts still tell of all, and no unhealthy one is left out for a degraded one."""
    async with sync_world(tmp_path) as world:
        for number in range(MAX_NAMED + 10):
            status = "failed" if number >= MAX_NAMED else "partial"
            last = LastSync(execution_id="x", status=status, finished_at=START)
            await world.add_integration(id=f"i{number:02}", last_sync=last)
        report = await health(world)
    assert (report.integrations.unhealthy, report.integrations.degraded) == (10, MAX_NAMED)
    assert len(report.not_healthy) == MAX_NAMED
    assert [one.status for one in report.not_healthy].count("unhealthy") == 10


async def test_integrations_of_all_tenants_are_counted(tmp_path: Path) -> None:
    """By status, and by health of those that are active; what there is none of is zero."""
    async with sync_world(tmp_path) as world:
        failed = LastSync(execution_id="x", status="failed", finished_at=START)
        await world.add_integration(id="well")
        await world.add_integration(id="ill", tenant_id="other", last_sync=failed)
        await world.add_integration(id="off", status=IntegrationStatus.DISABLED, last_sync=failed)
        totals = await Health(world.integrations, ConnectionRepository(world.store), world.clock).totals()
    assert totals.by_status["active"] == 2
    assert totals.by_status["disabled"] == 1
    assert totals.by_health == {"healthy": 1, "degraded": 0, "unhealthy": 1}


async def test_more_than_a_page_is_counted(tmp_path: Path) -> None:
    """A page of the store holds 200."""
    async with sync_world(tmp_path) as world:
        for number in range(201):
            await world.add_integration(id=f"i{number}", tenant_id=f"t{number % 3}")
        totals = await Health(world.integrations, ConnectionRepository(world.store), world.clock).totals()
    assert totals.by_status["active"] == 201


async def test_connections_are_counted_by_what_they_are_good_for(tmp_path: Path) -> None:
    """Ended ones are nobody's trouble; who is disabled because of one is named with the cure."""
    async with sync_world(tmp_path) as world:
        integration = await world.add_integration()
        connections = ConnectionRepository(world.store)
        for number, status in enumerate(["active", "active", "expired", "revoked", "disconnected"]):
            await connections.create(
                Connection(
                    id=f"int1.{number}",
                    tenant_id=TENANT,
                    integration_id="int1",
                    provider_id="fake",
                    provider_category="test",
                    auth_kind="oauth2AuthorizationCode",
                    status=ConnectionStatus(status),
                    connected_at=START,
                    created_at=START,
                    updated_at=START,
                )
            )
        because = DisabledBecause(code="connection.revoked", connection_id="int1.3", at=START)
        await world.integrations.replace(
            integration.changed(status=IntegrationStatus.DISABLED, disabled_because=because)
        )
        report = await Health(world.integrations, connections, world.clock).report(TENANT)
        assert report.connections.model_dump() == {"total": 4, "active": 2, "expired": 1, "error": 1}
        (named,) = report.not_healthy
        assert (named.status, "connect it again" in named.reason) == ("unhealthy", True)
