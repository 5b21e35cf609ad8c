"""Runs that webhooks ask for: no change is lost, and no more is run than needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.domain.errors import InvalidStateError, NotFoundError
from shared.domain.integration import Integration, IntegrationStatus
from shared.domain.queues import SYNC_INBOUND_SCHEDULED, SYNC_INBOUND_WEBHOOK
from shared.domain.sync import ExecutionStatus, SyncExecution, SyncMode, Trigger
from shared.ports.adapter import FetchRequest, SourcePage
from tests.fakes.adapter import FakeAdapter
from tests.fakes.dying_store import ProcessDeath
from tests.unit.services.sync_world import TENANT, SyncWorld, record, sync_world


class CallingAdapter(FakeAdapter):
    """While its pages are read, the provider's data changes and its webhook calls, `calls` times."""

    world: SyncWorld
    calls = 0

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        page = await super().fetch_page(request)
        for _ in range(self.calls):
            self.records.append(record(f"late{len(self.records)}"))
            await webhook(self.world)
        self.calls = 0
        return page


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SyncWorld]:
    adapter = CallingAdapter([record("a")])
    async with sync_world(tmp_path, adapter=adapter) as made:
        adapter.world = made
        await made.add_integration()
        yield made


async def integration_of(world: SyncWorld) -> Integration:
    return await world.integrations.get(TENANT, "int1")


async def webhook(world: SyncWorld, entity: str | None = None) -> SyncExecution:
    return await world.requests.start(
        await integration_of(world), SyncMode.INCREMENTAL, Trigger.WEBHOOK, "hook-1", entity
    )


async def manual(world: SyncWorld, mode: SyncMode = SyncMode.INCREMENTAL) -> SyncExecution:
    return await world.requests.start(await integration_of(world), mode, Trigger.MANUAL, "request-1")


async def runs(world: SyncWorld) -> list[SyncExecution]:
    """Every run, the oldest first."""
    return sorted(
        (await world.executions.page_of(TENANT, "int1", 50, None)).items, key=lambda run: run.created_at
    )


async def test_all_steps_of_a_webhooks_run_take_the_high_queue(world: SyncWorld) -> None:
    """Those of others take the scheduled one."""
    world.adapter.records = [record(f"r{number}") for number in range(10)]
    started = await webhook(world)
    await world.work()
    assert (started.trigger, await world.status(started.id)) == (Trigger.WEBHOOK, ExecutionStatus.SUCCEEDED)
    assert world.sender.queues == [SYNC_INBOUND_WEBHOOK] * 3
    await manual(world)
    assert world.sender.queues[3:] == [SYNC_INBOUND_SCHEDULED]


async def test_a_webhook_for_a_run_that_has_not_begun_does_nothing(world: SyncWorld) -> None:
    """That run reads what the webhook tells of, and is what it gets."""
    queued = await manual(world)
    assert {(await webhook(world)).id for _ in range(3)} == {queued.id}
    await world.work()
    assert [run.id for run in await runs(world)] == [queued.id]


@pytest.mark.parametrize("calls", [1, 5])
async def test_a_webhook_for_a_run_at_work_makes_another_follow(world: SyncWorld, calls: int) -> None:
    """One, however many have called, and it reads what came too late for the first."""
    assert isinstance(world.adapter, CallingAdapter)
    world.adapter.calls = calls
    first = await manual(world)
    await world.work()
    following = [run for run in await runs(world) if run.id != first.id]
    assert [(run.trigger, run.request_id, run.status) for run in following] == [
        (Trigger.WEBHOOK, "hook-1", ExecutionStatus.SUCCEEDED)
    ]
    assert len(await world.shards()) == 1 + calls


@pytest.mark.parametrize("container", ["sync-executions", "checkpoints"])
async def test_a_crash_before_the_following_run_is_started_does_not_lose_it(
    world: SyncWorld, container: str
) -> None:
    """The message of the run that ended comes again, and starts it; once."""
    first = await manual(world)
    (step,) = world.sender.steps()
    await world.records.started(first)
    await webhook(world)
    await world.records.cancel(TENANT, first.id)
    world.store.dies_at = container
    with pytest.raises(ProcessDeath):
        await world.sync.run(step)
    for _ in range(2):
        await world.sync.run(step)
    await world.work()
    assert [run.status for run in await runs(world)] == [
        ExecutionStatus.CANCELLED,
        ExecutionStatus.SUCCEEDED,
    ]


async def test_a_run_that_is_given_up_is_followed_too(world: SyncWorld) -> None:
    """What the webhook told of may be readable by now."""
    first = await manual(world)
    (step,) = world.sender.steps()
    await world.records.started(first)
    await webhook(world)
    await world.sync.give_up(step, NotFoundError("gone"))
    await world.work()
    assert [run.status for run in await runs(world)] == [ExecutionStatus.FAILED, ExecutionStatus.SUCCEEDED]


async def test_a_queued_run_of_another_entity_does_not_cover_a_webhook(world: SyncWorld) -> None:
    """Another run follows it, with everything that is mapped."""
    integration = await integration_of(world)
    other = integration.entity_mappings[0].model_copy(update={"entity": "other"})
    integration = await world.integrations.replace(
        integration.changed(entity_mappings=(*integration.entity_mappings, other))
    )
    await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1", "other")
    await webhook(world, "thing")
    await world.work()
    assert [run.entities for run in await runs(world)] == [("other",), ("thing", "other")]


async def test_nothing_follows_where_the_integration_was_disabled(world: SyncWorld) -> None:
    """And a webhook that comes then is told."""
    first = await manual(world)
    await world.records.started(first)
    await webhook(world)
    await world.integrations.replace((await integration_of(world)).changed(status=IntegrationStatus.DISABLED))
    await world.work()
    assert [run.status for run in await runs(world)] == [ExecutionStatus.FAILED]
    with pytest.raises(InvalidStateError, match="not active"):
        await webhook(world)


async def test_a_manual_request_is_still_refused_while_a_run_is_under_way(world: SyncWorld) -> None:
    """A person is told, and decides."""
    await webhook(world)
    with pytest.raises(InvalidStateError, match="has not ended"):
        await manual(world)
