"""What the store charges for a run stands in the run's record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shared.domain.sync import ExecutionStatus, SyncMode, Trigger
from shared.ports.adapter import FetchRequest, SourcePage
from shared.telemetry.request_charge import add_charge
from tests.fakes.adapter import FakeAdapter
from tests.unit.services.sync_world import record, sync_world


class ChargingAdapter(FakeAdapter):
    """Every page comes at a price, as if a store had charged it."""

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        add_charge(2.5)
        return await super().fetch_page(request)


def charging(names: Sequence[str]) -> ChargingAdapter:
    return ChargingAdapter([record(name) for name in names])


async def test_a_run_of_several_steps_adds_up_what_they_were_charged(tmp_path: Path) -> None:
    """Each page is charged once, also one that is fetched by a step for the next."""
    adapter = charging(["a", "b", "c", "d", "e", "f"])
    async with sync_world(tmp_path, max_records=2, adapter=adapter) as world:
        await world.add_integration()
        execution = await world.run(SyncMode.FULL)
        assert execution.status is ExecutionStatus.SUCCEEDED
        assert execution.request_units == 2.5 * len(adapter.requests)


async def test_two_runs_are_charged_separately(tmp_path: Path) -> None:
    """A run that reads nothing new pays for its own look only."""
    adapter = charging(["a", "b"])
    async with sync_world(tmp_path, max_records=4, adapter=adapter) as world:
        integration = await world.add_integration()
        first = await world.run()
        asked = len(adapter.requests)
        second = await world.requests.start(integration, SyncMode.INCREMENTAL, Trigger.MANUAL, "request-2")
        await world.work()
        ended = await world.executions.get(integration.tenant_id, second.id)
        assert first.request_units == 2.5 * asked
        assert ended.request_units == 2.5 * (len(adapter.requests) - asked)
