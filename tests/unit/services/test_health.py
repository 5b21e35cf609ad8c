"""Health: a tenant's integrations, judged by how their last run ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.domain.integration import IntegrationStatus, LastSync
from shared.services.health import Health
from tests.fakes.clock import START
from tests.unit.services.sync_world import TENANT, sync_world


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
        report = await Health(world.integrations, world.clock).report(TENANT)
    assert (report.status, report.integrations.total) == (status, len(endings))
