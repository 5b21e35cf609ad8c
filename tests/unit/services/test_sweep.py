"""Sweeps: what a complete reading misses is deleted, and nothing else ever is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.domain.errors import (
    CredentialsRejectedError,
    InvalidStateError,
    Reason,
    ResyncRequiredError,
    UnavailableError,
)
from shared.domain.schedule import SyncConfig
from shared.domain.sweeps import Sweep
from shared.domain.sync import ExecutionStatus, SyncCounts, SyncExecution, SyncMode, Trigger
from shared.ports.adapter import FetchRequest, SourcePage, SourceRecord
from shared.ports.documents import Query
from tests.fakes.adapter import FakeAdapter
from tests.unit.services.sync_world import FIELDS, TENANT, SyncWorld, record, sync_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SyncWorld]:
    async with sync_world(tmp_path) as made:
        await made.add_integration()
        made.adapters.swept = Sweep.ONCE
        yield made


def records(*keys: str) -> list[SourceRecord]:
    return [record(key) for key in keys]


def many(count: int) -> list[SourceRecord]:
    return [record(f"r{number:03}") for number in range(count)]


async def synced(
    world: SyncWorld, source: list[SourceRecord], mode: SyncMode = SyncMode.FULL
) -> SyncExecution:
    """Run once with these records at the source, at a later time than the run before."""
    world.clock.advance(1)
    world.adapter.records = source
    return await world.run(mode)


async def live(world: SyncWorld) -> set[str]:
    return {key for key, shard in (await world.shards()).items() if "deletedAt" not in shard}


async def marks(world: SyncWorld) -> list[str]:
    """Ids of all seen marks that are kept."""
    page = await world.store.query("checkpoints", Query((TENANT, "int1"), limit=1000))
    return [document.body["id"] for document in page.items if document.body["id"].startswith("seen~")]


async def test_what_a_full_run_does_not_see_is_deleted(world: SyncWorld) -> None:
    """Its shard becomes a tombstone, counted as a deletion; no other shard is written."""
    await synced(world, records("a", "b", "c", "d", "e"))
    before = await world.etags()
    execution = await synced(world, records("b", "d", "e"))
    shards, after = await world.shards(), await world.etags()
    assert execution.status is ExecutionStatus.SUCCEEDED
    assert execution.counts == SyncCounts(read=3, unchanged=3, deleted=2)
    assert await live(world) == {"b", "d", "e"}
    assert (shards["a"]["data"], shards["a"]["source"]["outcome"]) == ({}, "deleted")
    assert shards["a"]["deletedAt"] == shards["a"]["updatedAt"] > shards["a"]["createdAt"]
    assert {key for key in after if after[key] != before[key]} == {"a", "c"}
    assert await marks(world) == []


async def test_an_entity_that_is_not_swept_keeps_what_a_full_run_does_not_see(world: SyncWorld) -> None:
    """Without the provider's word a list may be a part of what there is."""
    world.adapters.swept = Sweep.NEVER
    await synced(world, records("a", "b"))
    assert (await synced(world, records("b"))).counts == SyncCounts(read=1, unchanged=1)
    assert await live(world) == {"a", "b"}


async def test_an_incremental_run_deletes_nothing(world: SyncWorld) -> None:
    """What did not change is not in its answer."""
    await synced(world, records("a", "b"))
    execution = await synced(world, records("a", "b", "c"), SyncMode.INCREMENTAL)
    assert execution.counts == SyncCounts(read=1, created=1)
    assert await live(world) == {"a", "b", "c"}


async def test_a_record_that_comes_back_after_a_sweep_is_created_again(world: SyncWorld) -> None:
    """A tombstone is not for ever, and a second sweep does not delete it twice."""
    await synced(world, records("a", "b"))
    await synced(world, records("b"))
    assert (await synced(world, records("b"))).counts == SyncCounts(read=1, unchanged=1)
    execution = await synced(world, records("a", "b"))
    assert execution.counts == SyncCounts(read=2, created=1, unchanged=1)


async def test_a_tombstone_of_a_swept_record_changes_nothing(world: SyncWorld) -> None:
    """It is gone already; saying so twice is no deletion."""
    await synced(world, records("a", "b"))
    await synced(world, records("b"))
    execution = await synced(world, [record("a", deleted=True), record("b")])
    assert execution.counts == SyncCounts(read=2, unchanged=2)


async def test_a_rejected_record_is_not_taken_for_gone(world: SyncWorld) -> None:
    """It is there, if not as it should be: its last good version stays."""
    await synced(world, records("a", "b"))
    execution = await synced(world, [record("a", None), record("b")])
    assert execution.counts == SyncCounts(read=2, unchanged=1, rejected=1)
    assert await live(world) == {"a", "b"}


async def test_a_nameless_record_may_be_any_so_that_nothing_is_taken_for_gone(world: SyncWorld) -> None:
    """Without its id nobody knows whose shard it would be; the next good reading sweeps again."""
    await synced(world, records("a", "b"))
    nameless = SourceRecord("hash", {}, rejection=Reason("missing_id", None, "No id."))
    execution = await synced(world, [nameless, *records("b")])
    assert execution.counts == SyncCounts(read=2, unchanged=1, rejected=1)
    assert await live(world) == {"a", "b"}
    await synced(world, records("b"))
    assert await live(world) == {"b"}


async def test_a_run_that_fails_on_its_way_deletes_nothing(world: SyncWorld) -> None:
    """Half a list proves nothing, and its marks go."""
    await synced(world, records("a", "b", "c", "d", "e", "f"))
    world.adapter.faults[len(world.adapter.requests) + 2] = CredentialsRejectedError("revoked")
    execution = await synced(world, records("a", "b", "c", "d"))
    assert execution.status is ExecutionStatus.FAILED
    assert await live(world) == {"a", "b", "c", "d", "e", "f"}
    assert await marks(world) == []


async def test_a_reading_that_left_something_out_deletes_nothing(world: SyncWorld) -> None:
    """What it has not seen may be there; the run itself is a success, and its marks go."""
    await synced(world, records("a", "b"))
    world.adapter.complete = False
    assert (await synced(world, records("b"))).counts == SyncCounts(read=1, unchanged=1)
    assert await live(world) == {"a", "b"}
    assert await marks(world) == []


async def test_a_run_that_had_to_start_over_deletes_nothing(world: SyncWorld) -> None:
    """The provider lost its place in the list: what lay before it was read at another time."""
    await synced(world, records("a", "b", "c", "d", "e", "f"))
    world.adapter.faults[len(world.adapter.requests) + 2] = ResyncRequiredError("expired")
    execution = await synced(world, records("a", "b", "c", "d"))
    assert execution.status is ExecutionStatus.SUCCEEDED
    assert execution.counts.deleted == 0
    assert (await synced(world, records("a", "b", "c", "d"))).counts.deleted == 2


async def test_marks_of_a_cancelled_run_are_removed_when_its_message_comes(world: SyncWorld) -> None:
    """Nothing of a run that nobody wants stays behind."""
    world.adapter.records = records("a", "b", "c", "d", "e", "f")
    integration = await world.integrations.get(TENANT, "int1")
    await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
    await world.sync.run(world.sender.steps()[0])
    assert await marks(world) != []
    await world.records.cancel(TENANT, "run1")
    await world.work()
    assert await marks(world) == []


async def test_marks_of_a_dead_run_are_removed_by_the_next(world: SyncWorld) -> None:
    """One whose message was given up leaves them behind."""
    world.adapter.records = records("a", "b", "c", "d", "e", "f")
    integration = await world.integrations.get(TENANT, "int1")
    await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
    await world.sync.run(world.sender.steps()[0])
    await world.sync.give_up(world.sender.steps()[0], UnavailableError("down"))
    execution = await synced(world, records("a"))
    assert execution.status is ExecutionStatus.SUCCEEDED
    assert (await live(world), await marks(world)) == ({"a"}, [])


async def test_a_shard_written_since_the_run_began_is_left_alone(world: SyncWorld) -> None:
    """Somebody knows better than a list that was read before."""
    await synced(world, records("a", "b", "c"))

    class Writing(FakeAdapter):
        async def fetch_page(self, request: FetchRequest) -> SourcePage:
            shard = (await world.shards())["c"]
            await world.store.put("shards", {**shard, "updatedAt": "2026-01-01T00:00:09.000000Z"})
            return await super().fetch_page(request)

    world.adapters.adapter = Writing(records("b"))
    assert (await synced(world, [])).counts == SyncCounts(read=1, unchanged=1, deleted=1)
    assert await live(world) == {"b", "c"}


async def test_shifting_pages_must_miss_a_record_twice(world: SyncWorld) -> None:
    """With counted pages a record can slip by once; twice in a row, and it is gone."""
    world.adapters.swept = Sweep.TWICE
    await synced(world, records("a", "b", "c"))
    assert (await synced(world, records("b", "c"))).counts.deleted == 0
    assert (await synced(world, records("a", "c"))).counts.deleted == 0
    assert await live(world) == {"a", "b", "c"}
    assert (await synced(world, records("a", "c"))).counts.deleted == 1
    assert await live(world) == {"a", "c"}


async def test_what_came_after_the_first_of_two_readings_has_not_been_missed_by_it(world: SyncWorld) -> None:
    """A record of an incremental run in between needs two readings more."""
    world.adapters.swept = Sweep.TWICE
    await synced(world, records("a"))
    await synced(world, records("a", "new"), SyncMode.INCREMENTAL)
    assert (await synced(world, records("a"))).counts.deleted == 0
    assert (await synced(world, records("a"))).counts.deleted == 1


async def test_a_reading_of_another_source_is_no_first_of_two(world: SyncWorld) -> None:
    """A new mapping or server begins anew."""
    world.adapters.swept = Sweep.TWICE
    await synced(world, records("a"))
    integration = await world.integrations.get(TENANT, "int1")
    await world.integrations.replace(integration.changed(settings={"serverUrl": "http://elsewhere"}))
    assert (await synced(world, records("b"))).counts.deleted == 0
    assert (await synced(world, records("b"))).counts.deleted == 1


async def test_only_the_entity_that_was_read_is_swept(tmp_path: Path) -> None:
    """Entities whose names begin alike, and other integrations, share a shard type and keep their shards."""
    async with sync_world(tmp_path) as world:
        integration = await world.add_integration()
        mapping = integration.entity_mappings[0]
        others = [mapping.model_copy(update={"entity": name}) for name in ("thing2", "thing-x", "thin")]
        await world.integrations.replace(integration.changed(entity_mappings=(mapping, *others)))
        world.adapters.swept = Sweep.ONCE
        await synced(world, records("a"))
        world.clock.advance(1)
        world.adapter.records = []
        await world.requests.start(
            await world.integrations.get(TENANT, "int1"), SyncMode.FULL, Trigger.MANUAL, "r", "thing"
        )
        await world.work()
        page = await world.store.query("shards", Query((TENANT, "thing-shard"), limit=100))
        assert {each.body["source"]["entity"] for each in page.items if "deletedAt" in each.body} == {"thing"}
        assert len(page.items) == 4


async def test_a_sweep_goes_on_in_follow_up_messages(tmp_path: Path) -> None:
    """It is bounded by time, and takes up its place in the next step."""
    async with sync_world(tmp_path, max_records=400, max_seconds=0) as world:
        await world.add_integration()
        world.adapters.swept = Sweep.ONCE
        world.adapter.page_size = 400
        await synced(world, many(350))
        world.clock.advance(1)
        world.adapter.records = many(300)
        integration = await world.integrations.get(TENANT, "int1")
        execution = await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
        handled = 0
        while steps := world.sender.steps():
            handled += len(steps)
            await world.sync.run(steps[0])
        assert handled == 1 + 4 + 4  # the page, four batches to count, four to delete
        counts = (await world.executions.get(TENANT, execution.id)).counts
        assert counts == SyncCounts(read=300, unchanged=300, deleted=50)


async def test_too_many_deletions_are_held(world: SyncWorld) -> None:
    """A provider that suddenly shows little may be wrong: nothing is deleted, and the run says so."""
    await synced(world, many(40))
    execution = await synced(world, many(28))
    assert (execution.status, execution.counts.deleted) == (ExecutionStatus.PARTIAL, 0)
    assert execution.held_deletions == {"thing": 12}
    assert execution.error is not None
    assert execution.error.code == "deletions_held"
    assert "12 of thing. POST /api/executions/run2/confirm-deletions" in execution.error.message
    assert len(await live(world)) == 40


@pytest.mark.parametrize(
    ("before", "after", "percent", "held"),
    [
        (60, 48, 20, False),
        (59, 47, 20, True),
        (12, 2, 20, False),
        (12, 1, 20, True),
        (40, 0, 100, False),
        (40, 29, 0, True),
        (40, 30, 0, False),
    ],
)
async def test_deletions_are_held_above_the_integration_s_share(
    world: SyncWorld, before: int, after: int, percent: int, held: bool
) -> None:
    """More than the share of the live shards, and more than ten."""
    integration = await world.integrations.get(TENANT, "int1")
    config = SyncConfig(deletion_hold_percent=percent)
    await world.integrations.replace(integration.changed(sync_config=config))
    await synced(world, many(before))
    execution = await synced(world, many(after))
    assert execution.held_deletions == ({"thing": before - after} if held else {})
    assert len(await live(world)) == (before if held else after)


async def test_confirmed_deletions_are_done_by_a_run_of_their_own(world: SyncWorld) -> None:
    """Nothing is read for it, and when it is done there is nothing left to confirm."""
    await synced(world, many(40))
    held = await synced(world, many(20))
    fetched = len(world.adapter.requests)
    started = await world.held_deletions.confirm(TENANT, held.id, "request-2")
    with pytest.raises(InvalidStateError, match="not ended"):
        await world.held_deletions.confirm(TENANT, held.id, "request-2")
    await world.work()
    execution = await world.executions.get(TENANT, started.id)
    assert (execution.status, execution.confirms) == (ExecutionStatus.SUCCEEDED, held.id)
    assert execution.counts == SyncCounts(deleted=20)
    assert len(await live(world)) == 20
    assert (len(world.adapter.requests), await marks(world)) == (fetched, [])
    with pytest.raises(InvalidStateError, match="holds no deletions"):
        await world.held_deletions.confirm(TENANT, held.id, "request-2")
    assert (await world.executions.get(TENANT, held.id)).held_deletions == {"thing": 20}


async def test_what_was_written_since_it_was_held_is_not_deleted(world: SyncWorld) -> None:
    """A later sync has seen the record."""
    await synced(world, many(40))
    held = await synced(world, many(20))
    await synced(world, [*many(20), record("r030", "seen again")], SyncMode.INCREMENTAL)
    await world.held_deletions.confirm(TENANT, held.id, "request-2")
    await world.work()
    assert await live(world) == {*(f"r{number:03}" for number in range(20)), "r030"}


async def test_a_later_complete_run_supersedes_what_was_held(world: SyncWorld) -> None:
    """It has judged anew, so that the former count means nothing any more."""
    await synced(world, many(40))
    first = await synced(world, many(20))
    second = await synced(world, many(25))
    assert second.held_deletions == {"thing": 15}
    with pytest.raises(InvalidStateError, match="judged anew"):
        await world.held_deletions.confirm(TENANT, first.id, "request-2")
    assert (await synced(world, many(40))).counts == SyncCounts(read=40, unchanged=40)
    with pytest.raises(InvalidStateError, match="judged anew"):
        await world.held_deletions.confirm(TENANT, second.id, "request-2")
    assert await marks(world) == []


async def test_a_run_that_failed_supersedes_nothing(world: SyncWorld) -> None:
    """What was held before can still be confirmed."""
    await synced(world, many(40))
    held = await synced(world, many(20))
    world.adapter.faults[len(world.adapter.requests) + 2] = CredentialsRejectedError("revoked")
    await synced(world, many(30))
    await world.held_deletions.confirm(TENANT, held.id, "request-2")
    await world.work()
    assert len(await live(world)) == 20


async def test_what_is_held_of_one_entity_outlives_the_failure_of_another(world: SyncWorld) -> None:
    """The record of a failed run tells both, and only the entity that was judged is confirmed."""
    integration = await world.integrations.get(TENANT, "int1")
    mapping = integration.entity_mappings[0]
    other = mapping.model_copy(update={"entity": "other", "shard_type_id": "other-shard"})
    await world.integrations.replace(integration.changed(entity_mappings=(mapping, other)))
    await synced(world, many(40))
    world.adapter.faults[len(world.adapter.requests) + 10 + 1] = CredentialsRejectedError("revoked")
    failed = await synced(world, many(20))
    assert (failed.status, failed.held_deletions) == (ExecutionStatus.FAILED, {"thing": 20})
    assert failed.error is not None
    assert failed.error.code == "credentials_rejected"
    confirming = await world.held_deletions.confirm(TENANT, failed.id, "request-2")
    assert confirming.entities == ("thing",)
    await world.work()
    assert len(await live(world)) == 20


async def test_another_mapping_forgets_what_was_held(world: SyncWorld) -> None:
    """Its ids may mean other records; a run that was to delete them ends as failed."""
    await synced(world, many(40))
    held = await synced(world, many(20))
    started = await world.held_deletions.confirm(TENANT, held.id, "request-2")
    integration = await world.integrations.get(TENANT, "int1")
    mapping = integration.entity_mappings[0].model_copy(update={"fields": FIELDS[:1]})
    await world.integrations.replace(integration.changed(entity_mappings=(mapping,)))
    await world.work()
    assert await world.status(started.id) is ExecutionStatus.FAILED
    with pytest.raises(InvalidStateError, match="holds no deletions"):
        await world.held_deletions.confirm(TENANT, held.id, "request-2")
    assert len(await live(world)) == 40


async def test_held_deletions_of_shifting_pages_are_confirmed_alike(world: SyncWorld) -> None:
    """The two readings that prove them are kept until then."""
    world.adapters.swept = Sweep.TWICE
    await synced(world, many(40))
    await synced(world, many(20))
    held = await synced(world, many(20))
    assert held.held_deletions == {"thing": 20}
    await world.held_deletions.confirm(TENANT, held.id, "request-2")
    await world.work()
    assert len(await live(world)) == 20
