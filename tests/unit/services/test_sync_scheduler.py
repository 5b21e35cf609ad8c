"""The scheduler: what is due is started once, what fell silent goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from shared.domain.integration import IntegrationStatus
from shared.domain.schedule import SyncConfig, next_time
from shared.domain.sweeps import Sweep
from shared.domain.sync import ExecutionStatus, SyncExecution, SyncMode, Trigger
from shared.services.sync_requests import SILENCE_SECONDS
from tests.fakes.clock import START
from tests.fakes.dying_store import ProcessDeath
from tests.unit.services.sync_world import TENANT, SyncWorld, record, sync_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SyncWorld]:
    async with sync_world(tmp_path) as made:
        yield made


async def runs(world: SyncWorld) -> Sequence[SyncExecution]:
    return (await world.executions.page_of(TENANT, "int1", 50, None)).items


async def test_a_due_integration_is_started_and_its_next_time_noted(world: SyncWorld) -> None:
    """The run is scheduled, and the integration is not due again before its interval is over."""
    await world.add_integration(sync_config=SyncConfig(interval_seconds=600), next_sync_at=START)
    assert await world.scheduler.run("request-1") == 1
    assert await world.scheduler.run("request-2") == 0
    integration = await world.integrations.get(TENANT, "int1")
    assert integration.next_sync_at == START + timedelta(seconds=600)
    execution = next(iter(await runs(world)))
    assert (execution.trigger, execution.status) == (Trigger.SCHEDULED, ExecutionStatus.QUEUED)


async def test_a_crash_before_the_next_time_is_noted_does_not_make_two_runs(world: SyncWorld) -> None:
    """Not even if the run has ended by the time that the scheduler looks again."""
    await world.add_integration(sync_config=SyncConfig(interval_seconds=600), next_sync_at=START)
    world.store.dies_at = "integrations"
    with pytest.raises(ProcessDeath):
        await world.scheduler.run("request-1")
    await world.work()
    assert await world.scheduler.run("request-2") == 0
    (execution,) = await runs(world)
    assert execution.status is ExecutionStatus.SUCCEEDED
    assert (await world.integrations.get(TENANT, "int1")).next_sync_at == START + timedelta(seconds=600)


async def test_a_crash_before_a_run_is_the_integrations_starts_it_all_the_same(world: SyncWorld) -> None:
    """The record that is there already is taken, and not left behind."""
    await world.add_integration(sync_config=SyncConfig(interval_seconds=600), next_sync_at=START)
    world.store.dies_at = "checkpoints"
    with pytest.raises(ProcessDeath):
        await world.scheduler.run("request-1")
    assert await world.scheduler.run("request-2") == 1
    await world.work()
    (execution,) = await runs(world)
    assert execution.status is ExecutionStatus.SUCCEEDED


async def test_what_was_missed_is_run_once(world: SyncWorld) -> None:
    """A day away is one run, and then the schedule goes on as before."""
    config = SyncConfig(cron="0 * * * *")
    await world.add_integration(sync_config=config, next_sync_at=START - timedelta(days=1))
    for number in range(3):
        await world.scheduler.run(f"request-{number}")
        await world.work()
    assert len(await runs(world)) == 1
    next_sync_at = (await world.integrations.get(TENANT, "int1")).next_sync_at
    assert next_sync_at == next_time(config, "int1", START)


async def test_nothing_is_started_before_its_time_or_while_disabled(world: SyncWorld) -> None:
    """Only active integrations whose time has come are due."""
    await world.add_integration(next_sync_at=START + timedelta(seconds=1))
    await world.add_integration(id="int2", status=IntegrationStatus.DISABLED, next_sync_at=START)
    await world.add_integration(id="int3")
    assert await world.scheduler.run("request-1") == 0


async def test_a_run_that_has_not_ended_is_not_doubled(world: SyncWorld) -> None:
    """A crash between starting a run and noting the next time starts no second one."""
    integration = await world.add_integration(sync_config=SyncConfig(interval_seconds=60), next_sync_at=START)
    await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
    assert await world.scheduler.run("request-2") == 0
    assert len(world.sender.steps()) == 1
    next_sync_at = (await world.integrations.get(TENANT, "int1")).next_sync_at
    assert next_sync_at == START + timedelta(seconds=60)


async def test_a_run_whose_message_was_lost_is_set_going_again(world: SyncWorld) -> None:
    """A crash between recording a run and sending its message costs time, not the run."""
    integration = await world.add_integration()
    world.adapter.records = [record("a")]
    await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
    world.sender.steps()
    world.clock.advance(SILENCE_SECONDS + 1)
    world.sender.forget()
    await world.scheduler.run("request-2")
    await world.work()
    assert await world.status() is ExecutionStatus.SUCCEEDED


async def test_a_run_that_wrote_lately_is_left_alone(world: SyncWorld) -> None:
    """Silence is what counts, not age."""
    integration = await world.add_integration()
    await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
    world.clock.advance(SILENCE_SECONDS - 1)
    await world.scheduler.run("request-2")
    assert len(world.sender.steps()) == 1


async def test_only_one_instance_schedules_at_a_time(world: SyncWorld) -> None:
    """The other has nothing to do, and that is no error."""
    await world.add_integration(next_sync_at=START)
    async with world.leases.hold("system", "sync-scheduler"):
        assert await world.scheduler.run("request-1") == 0


async def test_a_run_that_waits_as_its_provider_asked_is_left_alone(world: SyncWorld) -> None:
    """A long Retry-After is no silence."""
    integration = await world.add_integration()
    await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
    (step,) = world.sender.steps()
    await world.sync.postpone(step.model_copy(update={"attempt": 1}), 6 * 3600)
    world.sender.steps()
    for _ in range(6):
        world.clock.advance(3600)
        await world.scheduler.run("request-2")
    assert world.sender.steps() == []


async def test_one_integration_that_can_not_be_read_does_not_stop_the_others(world: SyncWorld) -> None:
    """A newer version may have written what this one can't read; every other tenant goes on."""
    await world.add_integration(id="int2", next_sync_at=START)
    await world.store.put(
        "integrations",
        {
            "id": "broken",
            "tenantId": "other",
            "status": "active",
            "nextSyncAt": "2025-01-01T00:00:00.000000Z",
        },
    )
    assert await world.scheduler.run("request-1") == 1


async def test_what_a_newer_version_added_is_ignored(world: SyncWorld) -> None:
    """After a roll-back, fields that this version does not know are no reason to fail, at any depth."""
    integration = await world.add_integration()
    document = await world.store.get("integrations", (TENANT,), integration.id)
    assert document is not None
    body = document.body | {"new": 1, "syncConfig": {"later": 1}}
    await world.store.put("integrations", body)
    assert (await world.integrations.get(TENANT, integration.id)).name == "Things"


FULL_NOW_AND_THEN = SyncConfig(interval_seconds=600, full_interval_seconds=3600)


async def test_a_full_run_takes_the_place_of_a_scheduled_one_when_it_is_due(world: SyncWorld) -> None:
    """Every interval has one run; the first after each hour is full."""
    await world.add_integration(
        sync_config=FULL_NOW_AND_THEN, next_sync_at=START, next_full_sync_at=START + timedelta(minutes=15)
    )
    for _ in range(10):
        assert await world.scheduler.run("request") == 1
        await world.work()
        world.clock.advance(600)
    modes = [execution.mode for execution in sorted(await runs(world), key=lambda each: each.created_at)]
    assert [number for number, mode in enumerate(modes) if mode is SyncMode.FULL] == [2, 8]
    integration = await world.integrations.get(TENANT, "int1")
    assert integration.next_full_sync_at == START + timedelta(minutes=15, hours=2)


async def test_a_crash_after_a_full_run_was_started_makes_no_second_one(world: SyncWorld) -> None:
    """The occasion has its run, and the next full one is an interval away."""
    await world.add_integration(sync_config=FULL_NOW_AND_THEN, next_sync_at=START, next_full_sync_at=START)
    world.store.dies_at = "integrations"
    with pytest.raises(ProcessDeath):
        await world.scheduler.run("request-1")
    await world.work()
    assert await world.scheduler.run("request-2") == 0
    (execution,) = await runs(world)
    assert execution.mode is SyncMode.FULL
    integration = await world.integrations.get(TENANT, "int1")
    assert integration.next_full_sync_at == START + timedelta(hours=1)


async def test_a_full_run_that_became_due_during_a_crash_waits_for_the_next_occasion(
    world: SyncWorld,
) -> None:
    """The run of this one is there already, and reads what changed."""
    full = START + timedelta(seconds=30)
    await world.add_integration(sync_config=FULL_NOW_AND_THEN, next_sync_at=START, next_full_sync_at=full)
    world.store.dies_at = "integrations"
    with pytest.raises(ProcessDeath):
        await world.scheduler.run("request-1")
    world.clock.advance(60)
    await world.scheduler.run("request-2")
    (execution,) = await runs(world)
    assert execution.mode is SyncMode.INCREMENTAL
    assert (await world.integrations.get(TENANT, "int1")).next_full_sync_at == full


async def test_a_full_run_that_is_left_out_stays_due(world: SyncWorld) -> None:
    """While another run is under way nothing is started, and nothing forgotten."""
    integration = await world.add_integration(
        sync_config=FULL_NOW_AND_THEN, next_sync_at=START, next_full_sync_at=START
    )
    await world.requests.start(integration, SyncMode.INCREMENTAL, Trigger.MANUAL, "request-1")
    assert await world.scheduler.run("request-2") == 0
    await world.work()
    world.clock.advance(600)
    assert await world.scheduler.run("request-3") == 1
    assert {execution.mode for execution in await runs(world)} == {SyncMode.INCREMENTAL, SyncMode.FULL}


async def test_what_is_deleted_without_a_word_is_found_by_schedule(world: SyncWorld) -> None:
    """Nobody has to ask for the full run that sees it."""
    world.adapters.swept = Sweep.ONCE
    world.adapter.records = [record("a"), record("b")]
    full = START + timedelta(seconds=600)
    await world.add_integration(sync_config=FULL_NOW_AND_THEN, next_sync_at=START, next_full_sync_at=full)
    await world.scheduler.run("request-1")
    await world.work()
    world.adapter.records = [record("b")]
    world.clock.advance(600)
    await world.scheduler.run("request-2")
    await world.work()
    assert {key for key, shard in (await world.shards()).items() if "deletedAt" in shard} == {"a"}
