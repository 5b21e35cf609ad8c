"""Inbound sync: what a run leaves behind, also when it is interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.domain.errors import (
    CredentialsRejectedError,
    InvalidStateError,
    LeaseHeldError,
    ResyncRequiredError,
    UnavailableError,
)
from shared.domain.integration import EntityMapping, IntegrationStatus
from shared.domain.schedule import SyncConfig
from shared.domain.sync import ExecutionStatus, SyncCounts, SyncExecution, SyncMode, Trigger
from shared.services.sync_requests import step_message
from tests.fakes.adapter import CirclingAdapter, EmptyPagesAdapter
from tests.unit.services.sync_world import FIELDS, TENANT, SyncWorld, record, sync_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SyncWorld]:
    async with sync_world(tmp_path) as made:
        await made.add_integration()
        yield made


async def test_a_first_run_creates_a_shard_for_every_record(world: SyncWorld) -> None:
    """Mapped data, where it came from, and a count for each record."""
    world.adapter.records = [record("a", " Ann ", size="3"), record("b", "Bob"), record("c", "Cy")]
    execution = await world.run()
    shards = await world.shards()
    assert execution.status is ExecutionStatus.SUCCEEDED
    assert execution.counts == SyncCounts(read=3, created=3)
    assert {key: shard["data"] for key, shard in shards.items()} == {
        "a": {"name": "Ann", "size": 3},
        "b": {"name": "Bob"},
        "c": {"name": "Cy"},
    }
    assert all(
        shard["tenantId"] == TENANT and shard["source"]["entity"] == "thing" for shard in shards.values()
    )


async def test_an_unchanged_record_is_not_written(world: SyncWorld) -> None:
    """A second full run reads everything and writes only what differs."""
    world.adapter.records = [record("a"), record("b"), record("c")]
    await world.run()
    before = await world.etags()
    world.adapter.records[1] = record("b", "another name")
    execution = await world.run(SyncMode.FULL)
    after = await world.etags()
    assert execution.counts == SyncCounts(read=3, updated=1, unchanged=2)
    assert {key for key in after if after[key] != before[key]} == {"b"}


async def test_an_incremental_run_begins_at_the_watermark(world: SyncWorld) -> None:
    """Only what came since the last run is read."""
    world.adapter.records = [record("a"), record("b"), record("c")]
    await world.run()
    world.adapter.records.append(record("d"))
    execution = await world.run()
    assert execution.counts == SyncCounts(read=1, created=1)


async def test_a_deleted_record_leaves_a_tombstone(world: SyncWorld) -> None:
    """Its data is gone and the change can be seen; deleting what was never there does nothing."""
    world.adapter.records = [record("a"), record("b")]
    await world.run()
    world.adapter.records += [record("a", deleted=True), record("z", deleted=True)]
    execution = await world.run()
    shards = await world.shards()
    assert execution.counts == SyncCounts(read=2, deleted=1, unchanged=1)
    assert (shards["a"]["data"], "deletedAt" in shards["a"]) == ({}, True)
    assert set(shards) == {"a", "b"}


async def test_only_the_mapped_fields_are_asked_for(world: SyncWorld) -> None:
    """What no shard will hold need not leave the provider."""
    world.adapter.records = [record("a")]
    await world.run()
    assert {request.fields for request in world.adapter.requests} == {frozenset({"name", "size"})}


async def test_a_record_that_comes_back_is_created_again(world: SyncWorld) -> None:
    """A tombstone gives way to a live shard."""
    world.adapter.records = [record("a"), record("a", deleted=True)]
    world.adapter.page_size = 1
    await world.run()
    world.adapter.records.append(record("a"))
    execution = await world.run()
    assert execution.counts == SyncCounts(read=1, created=1)
    assert "deletedAt" not in (await world.shards())["a"]


async def test_a_bad_record_goes_to_quarantine_and_the_others_are_kept(world: SyncWorld) -> None:
    """The run ends partial, and the reason says what to mend."""
    world.adapter.records = [record("a"), record("b", None), record("c", size="wide")]
    execution = await world.run()
    assert (execution.status, execution.counts) == (
        ExecutionStatus.PARTIAL,
        SyncCounts(read=3, created=1, rejected=2),
    )
    reasons = {entry["externalId"]: entry["reasons"] for entry in await world.quarantined()}
    assert {key: [reason["code"] for reason in found] for key, found in reasons.items()} == {
        "b": ["required"],
        "c": ["transform_number"],
    }


async def test_of_two_records_with_one_id_on_a_page_the_last_counts(world: SyncWorld) -> None:
    """The later is the newer; both were read."""
    world.adapter.records = [record("a", "old"), record("a", "new")]
    execution = await world.run()
    assert execution.counts == SyncCounts(read=2, created=1)
    assert (await world.shards())["a"]["data"] == {"name": "new"}


async def test_a_long_run_goes_on_in_follow_up_messages(world: SyncWorld) -> None:
    """No message handles more than its limit, and nothing is read twice."""
    world.adapter.records = [record(f"r{number}") for number in range(10)]
    integration = await world.integrations.get(TENANT, "int1")
    execution = await world.requests.start(integration, SyncMode.INCREMENTAL, Trigger.MANUAL, "request-1")
    handled = 0
    while steps := world.sender.steps():
        handled += len(steps)
        await world.sync.run(steps[0])
    assert handled == 3
    assert (await world.executions.get(TENANT, execution.id)).counts == SyncCounts(read=10, created=10)
    assert len(world.adapter.requests) == 5


async def test_two_entities_are_synced_one_after_the_other(tmp_path: Path) -> None:
    """Each has its own checkpoint, and the run ends when all are done."""
    async with sync_world(tmp_path) as world:
        integration = await world.add_integration()
        other = integration.entity_mappings[0].model_copy(update={"entity": "other"})
        await world.integrations.replace(
            integration.changed(entity_mappings=(*integration.entity_mappings, other))
        )
        world.adapter.records = [record(f"r{number}") for number in range(5)]
        execution = await world.run()
        assert (execution.status, execution.counts) == (
            ExecutionStatus.SUCCEEDED,
            SyncCounts(read=10, created=10),
        )


async def test_a_provider_that_is_away_leaves_the_run_to_be_tried_again(world: SyncWorld) -> None:
    """What was stored stays, and the next try goes on behind it."""
    world.adapter.records = [record("a"), record("b"), record("c")]
    world.adapter.faults[2] = UnavailableError("down")
    integration = await world.integrations.get(TENANT, "int1")
    await world.requests.start(integration, SyncMode.INCREMENTAL, Trigger.MANUAL, "request-1")
    (step,) = world.sender.steps()
    with pytest.raises(UnavailableError):
        await world.sync.run(step)
    assert await world.status() is ExecutionStatus.RUNNING
    await world.sync.run(step)
    await world.work()
    execution = await world.executions.get(TENANT, "run1")
    assert (execution.status, execution.counts) == (ExecutionStatus.SUCCEEDED, SyncCounts(read=3, created=3))


async def test_a_provider_that_refuses_ends_the_run_as_failed(world: SyncWorld) -> None:
    """The reason stands in the run, and the integration shows how it ended."""
    world.adapter.faults[1] = CredentialsRejectedError("The key was revoked.")
    execution = await world.run()
    assert execution.status is ExecutionStatus.FAILED
    assert execution.error is not None
    assert execution.error.code == "credentials_rejected"
    last = (await world.integrations.get(TENANT, "int1")).last_sync
    assert last is not None
    assert last.status == "failed"


async def test_a_page_that_was_stored_but_not_checkpointed_is_counted_once(world: SyncWorld) -> None:
    """The process may die between the two; storing the page again writes and counts nothing anew."""
    world.adapter.records = [record("a"), record("b", None), record("c")]
    world.adapter.page_size = 3
    integration = await world.integrations.get(TENANT, "int1")
    await world.requests.start(integration, SyncMode.INCREMENTAL, Trigger.MANUAL, "request-1")
    (step,) = world.sender.steps()
    await world.sync.run(step)
    before = await world.etags()
    # As if the process had died before anything but the shards was written.
    execution = await world.executions.get(TENANT, "run1")
    await world.executions.replace(execution.changed(status=ExecutionStatus.RUNNING, counts=SyncCounts()))
    assert await world.store.delete("checkpoints", (TENANT, "int1"), "inbound.thing")
    await world.sync.run(step)
    again = await world.executions.get(TENANT, "run1")
    assert again.counts == SyncCounts(read=3, created=2, rejected=1)
    assert await world.etags() == before


async def test_a_step_of_a_run_that_has_ended_does_nothing(world: SyncWorld) -> None:
    """A message may be delivered again at any time later."""
    world.adapter.records = [record("a")]
    execution = await world.run()
    await world.sync.run(step_message(execution, part=1))
    assert len(world.adapter.requests) == 1
    assert (await world.executions.get(TENANT, execution.id)).etag == execution.etag


async def test_two_steps_of_one_integration_never_work_at_once(world: SyncWorld) -> None:
    """The second is told when to come back."""
    integration = await world.integrations.get(TENANT, "int1")
    execution = await world.requests.start(integration, SyncMode.INCREMENTAL, Trigger.MANUAL, "request-1")
    async with world.leases.hold(TENANT, "sync.int1"):
        with pytest.raises(LeaseHeldError) as caught:
            await world.sync.run(step_message(execution, part=1))
    assert caught.value.retry_after_seconds == 60


async def test_disabling_an_integration_ends_its_run(world: SyncWorld) -> None:
    """The next step says why it stopped."""
    integration = await world.integrations.get(TENANT, "int1")
    await world.requests.start(integration, SyncMode.INCREMENTAL, Trigger.MANUAL, "request-1")
    await world.integrations.replace(integration.changed(status=IntegrationStatus.DISABLED))
    await world.work()
    assert await world.status() is ExecutionStatus.FAILED


async def test_the_time_limit_ends_a_step_between_pages(tmp_path: Path) -> None:
    """The rest goes on in the next message."""
    async with sync_world(tmp_path, max_records=100, max_seconds=0) as world:
        await world.add_integration()
        world.adapter.records = [record(f"r{number}") for number in range(6)]
        execution = await world.run()
        assert execution.counts == SyncCounts(read=6, created=6)


async def test_the_adapter_is_closed_whatever_happens(world: SyncWorld) -> None:
    """Connections are given back after success and after failure."""
    await world.run()
    world.adapter.faults[2] = CredentialsRejectedError("no")
    await world.run()
    assert world.adapter.closed == 2


async def test_a_record_too_large_for_a_document_goes_to_quarantine(world: SyncWorld) -> None:
    """The others are stored; the entry keeps the reason, without the record that no document can hold."""
    world.adapter.records = [record("a"), record("b", "x" * (3 * 1024 * 1024))]
    execution = await world.run()
    assert execution.counts == SyncCounts(read=2, created=1, rejected=1)
    (entry,) = await world.quarantined()
    assert (entry["externalId"], entry["record"]) == ("b", None)
    assert entry["reasons"][0]["code"] == "document_too_large"


async def test_a_failed_run_counts_what_it_had_stored(world: SyncWorld) -> None:
    """What stopped it comes after that."""
    world.adapter.records = [record(f"r{number}") for number in range(4)]
    world.adapter.faults[2] = CredentialsRejectedError("The key was revoked.")
    execution = await world.run()
    assert (execution.status, execution.counts) == (ExecutionStatus.FAILED, SyncCounts(read=2, created=2))


async def test_a_step_that_was_done_already_only_names_the_next(world: SyncWorld) -> None:
    """A message delivered again does not fork the run: both name the same next step, and one is dropped."""
    world.adapter.records = [record(f"r{number}") for number in range(10)]
    integration = await world.integrations.get(TENANT, "int1")
    execution = await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
    (step,) = world.sender.steps()
    for _ in range(3):
        await world.sync.run(step)
    assert len(world.sender.sent) == 1
    await world.work()
    assert (await world.executions.get(TENANT, execution.id)).counts == SyncCounts(read=10, created=10)
    positions = [str(request.position) for request in world.adapter.requests]
    assert len(positions) == len(set(positions)) == 5


async def test_another_source_is_read_from_its_beginning(world: SyncWorld) -> None:
    """A watermark is only good for the server that it came from, and for the mapping."""
    world.adapter.records = [record("a"), record("b")]
    await world.run()
    integration = await world.integrations.get(TENANT, "int1")
    await world.integrations.replace(integration.changed(settings={"serverUrl": "http://elsewhere"}))
    execution = await world.run()
    assert execution.counts == SyncCounts(read=2, unchanged=2)
    execution = await world.run()
    assert execution.counts == SyncCounts()


async def test_of_two_runs_started_at_once_one_is_refused(world: SyncWorld) -> None:
    """However the two interleave, one run is the integration's."""
    world.adapter.records = [record("a")]
    integration = await world.integrations.get(TENANT, "int1")
    starts = [
        world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, f"request-{number}")
        for number in range(5)
    ]
    results = await asyncio.gather(*starts, return_exceptions=True)
    assert sum(isinstance(result, InvalidStateError) for result in results) == 4
    await world.work()
    (started,) = [result for result in results if isinstance(result, SyncExecution)]
    assert await world.status(started.id) is ExecutionStatus.SUCCEEDED


async def test_a_record_that_changes_between_two_tries_is_counted_once(world: SyncWorld) -> None:
    """What this run created stays created, also if its source changes before the page is read again."""
    world.adapter.records = [record("a")]
    integration = await world.integrations.get(TENANT, "int1")
    await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
    (step,) = world.sender.steps()
    await world.sync.run(step)
    execution = await world.executions.get(TENANT, "run1")
    await world.executions.replace(execution.changed(status=ExecutionStatus.RUNNING, counts=SyncCounts()))
    assert await world.store.delete("checkpoints", (TENANT, "int1"), "inbound.thing")
    world.adapter.records = [record("a", "another name")]
    await world.sync.run(step)
    assert (await world.executions.get(TENANT, "run1")).counts == SyncCounts(read=1, created=1)
    assert (await world.shards())["a"]["data"] == {"name": "another name"}


async def test_a_step_is_ended_at_its_time_limit(tmp_path: Path) -> None:
    """A provider that never answers does not hold the host's process up; the run is tried again."""
    async with sync_world(tmp_path, timeout_seconds=0.2) as world:
        await world.add_integration()
        world.adapter.hangs = True
        integration = await world.integrations.get(TENANT, "int1")
        await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
        (step,) = world.sender.steps()
        with pytest.raises(UnavailableError, match="longer than"):
            await world.sync.run(step)
        assert world.adapter.closed == len(world.adapter.requests)


async def test_a_run_says_how_good_its_records_were(world: SyncWorld) -> None:
    """The guide's metrics, over all pages and steps; deletions are no records to judge."""
    world.adapter.records = [
        *(record(f"r{number}") for number in range(6)),
        record("bad", None, size="wide"),
        record("large", size="x"),
        record("gone", deleted=True),
    ]
    quality = (await world.run()).quality
    assert quality is not None
    assert (quality.total_records, quality.valid_records, quality.invalid_records) == (8, 6, 2)
    assert (quality.completeness, quality.accuracy) == (87.5, 75.0)
    assert [(error.field, error.error, error.count) for error in quality.validation_errors] == [
        ("size", "transform_number", 2),
        ("name", "required", 1),
    ]


async def test_a_provider_that_forgot_the_watermark_is_read_from_its_beginning(world: SyncWorld) -> None:
    """The same run goes on as a full one; nothing is asked of an administrator."""
    world.adapter.records = [record("a"), record("b"), record("c")]
    await world.run()
    world.adapter.faults[len(world.adapter.requests) + 1] = ResyncRequiredError("history expired")
    execution = await world.run()
    assert (execution.status, execution.counts) == (
        ExecutionStatus.SUCCEEDED,
        SyncCounts(read=3, unchanged=3),
    )


async def test_a_provider_that_always_forgets_fails_the_run(world: SyncWorld) -> None:
    """Starting over at the beginning must work, or nothing will."""
    for number in range(1, 9):
        world.adapter.faults[number] = ResyncRequiredError("history expired")
    execution = await world.run()
    assert execution.error is not None
    assert execution.error.code == "provider_contract"


@pytest.mark.parametrize("length", [1, 2, 3])
async def test_a_run_that_does_not_move_on_is_failed(tmp_path: Path, length: int) -> None:
    """Positions that repeat, in a circle of any length, end the run with the reason, and it is no success."""
    async with sync_world(tmp_path, adapter=CirclingAdapter(length)) as world:
        await world.add_integration()
        execution = await world.run()
    assert execution.status is ExecutionStatus.FAILED
    assert execution.error is not None
    assert execution.error.code == "no_progress"
    assert execution.error.message.startswith(
        "The run came back to the same place of the provider's data 3 times, without an end"
    )


@pytest.mark.parametrize(("limit", "status"), [(30, ExecutionStatus.SUCCEEDED), (29, ExecutionStatus.FAILED)])
async def test_a_run_may_read_so_many_records(tmp_path: Path, limit: int, status: ExecutionStatus) -> None:
    """The bound holds over all steps of the run; what was stored is kept."""
    async with sync_world(tmp_path) as world:
        await world.add_integration(sync_config=SyncConfig(max_records_per_run=limit))
        world.adapter.records = [record(f"r{number}") for number in range(30)]
        execution = await world.run()
        stored = await world.shards()
    assert execution.status is status
    assert execution.counts.read == len(stored) <= limit


async def test_entities_of_a_run_share_its_room(tmp_path: Path) -> None:
    """It is the run that is bounded, however many entities it reads."""
    mappings = tuple(
        EntityMapping(entity=entity, shard_type_id="thing-shard", fields=FIELDS)
        for entity in ("thing", "other")
    )
    async with sync_world(tmp_path) as world:
        config = SyncConfig(max_records_per_run=10)
        await world.add_integration(sync_config=config, entity_mappings=mappings)
        world.adapter.records = [record(f"r{number}") for number in range(6)]
        execution = await world.run()
    assert (execution.status, execution.counts.read) == (ExecutionStatus.FAILED, 10)


async def test_pages_without_records_count_as_well(tmp_path: Path) -> None:
    """A source may be without an end also where it has nothing."""
    async with sync_world(tmp_path, adapter=EmptyPagesAdapter([])) as world:
        await world.add_integration(sync_config=SyncConfig(max_records_per_run=9))
        execution = await world.run()
    assert execution.error is not None
    assert execution.error.code == "run_too_large"
    assert "raise `syncConfig.maxRecordsPerRun`" in execution.error.message


async def test_a_run_that_starts_over_once_moves_on(world: SyncWorld) -> None:
    """Coming back to the beginning after a resync is no circle yet."""
    world.adapter.records = [record(f"r{number}") for number in range(30)]
    world.adapter.faults = {number: ResyncRequiredError("history expired") for number in (3, 6)}
    execution = await world.run(SyncMode.FULL)
    assert execution.status is ExecutionStatus.SUCCEEDED
