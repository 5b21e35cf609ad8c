"""Deletions that the provider tells: done up to a share of the shards, held beyond it, confirmed later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.domain.errors import CredentialsRejectedError, InvalidStateError
from shared.domain.schedule import SyncConfig
from shared.domain.shards import shard_id
from shared.domain.sweeps import Sweep
from shared.domain.sync import ExecutionStatus, SyncCounts, SyncExecution, SyncMode
from shared.ports.adapter import SourceRecord
from shared.ports.documents import Document, DocumentStore, Page, Partition, Query
from shared.services.inbound_sync import StepLimits
from tests.fakes.clock import ManualClock
from tests.fakes.dying_store import DyingStore
from tests.unit.services.sync_world import FIELDS, TENANT, SyncWorld, record, sync_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SyncWorld]:
    async with sync_world(tmp_path, max_records=20) as made:
        await made.add_integration()
        made.adapter.page_size = 7
        yield made


def many(count: int, first: int = 0) -> list[SourceRecord]:
    return [record(f"r{number:03}") for number in range(first, first + count)]


def gone(count: int, first: int = 0) -> list[SourceRecord]:
    return [record(f"r{number:03}", deleted=True) for number in range(first, first + count)]


async def told(
    world: SyncWorld, news: list[SourceRecord], mode: SyncMode = SyncMode.INCREMENTAL
) -> SyncExecution:
    """Run once after the provider has these news, at a later time than the run before."""
    world.clock.advance(1)
    world.adapter.records += news
    return await world.run(mode)


async def confirmed(world: SyncWorld, held: SyncExecution) -> SyncExecution:
    started = await world.held_deletions.confirm(TENANT, held.id, "request-2")
    await world.work()
    return await world.executions.get(TENANT, started.id)


async def configure(world: SyncWorld, **changes: Any) -> None:
    integration = await world.integrations.get(TENANT, "int1")
    await world.integrations.replace(integration.changed(**changes))


async def live(world: SyncWorld) -> set[str]:
    return {key for key, shard in (await world.shards()).items() if "deletedAt" not in shard}


async def held_ids(world: SyncWorld) -> set[str]:
    return {entry["externalId"] for entry in await world.quarantined()}


@pytest.mark.parametrize("page_size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("before", "deletions", "percent", "held"),
    [
        (40, 10, 20, 0),
        (40, 11, 20, 1),
        (40, 40, 20, 30),
        (100, 20, 20, 0),
        (100, 21, 20, 1),
        (220, 44, 20, 0),
        (220, 60, 20, 16),
        (12, 12, 20, 2),
        (40, 40, 100, 0),
        (40, 30, 0, 20),
        (30, 30, 50, 15),
    ],
)
async def test_told_deletions_are_held_above_the_integration_s_share(
    world: SyncWorld, page_size: int, before: int, deletions: int, percent: int, held: int
) -> None:
    """So many as a sweep may do are done, in whatever pages they come; the others wait."""
    await configure(world, sync_config=SyncConfig(deletion_hold_percent=percent))
    world.adapter.page_size = 1000
    await told(world, many(before))
    world.adapter.page_size = page_size
    execution = await told(world, gone(deletions))
    assert execution.held_deletions == ({"thing": held} if held else {})
    assert execution.counts == SyncCounts(read=deletions, deleted=deletions - held)
    assert (len(await live(world)), len(await held_ids(world))) == (before - deletions + held, held)


async def test_a_run_says_what_it_holds(world: SyncWorld) -> None:
    """It ends as partial, with the cure; each held deletion has an entry that never expires."""
    await told(world, many(40))
    execution = await told(world, [*gone(15), record("r020", "news"), record("r021", None)])
    assert execution.status is ExecutionStatus.PARTIAL
    assert execution.error is not None
    assert (execution.error.code, execution.held_deletions) == ("deletions_held", {"thing": 5})
    assert f"{execution.id}/confirm-deletions" in execution.error.message
    assert execution.counts == SyncCounts(read=17, deleted=10, updated=1, rejected=1)
    world.clock.advance(timedelta(days=40).total_seconds())
    codes = {entry["externalId"]: entry["reasons"][0]["code"] for entry in await world.quarantined()}
    assert codes == {f"r{number:03}": "deletion_held" for number in range(10, 15)}


async def test_what_is_not_there_can_not_be_too_much(world: SyncWorld) -> None:
    """Deletions of records that have no shard, or a tombstone already, count for nothing."""
    await told(world, many(100))
    await told(world, gone(15))
    execution = await told(world, [*gone(15), *gone(60, first=500), *gone(17, first=20)])
    assert execution.status is ExecutionStatus.SUCCEEDED
    assert execution.counts == SyncCounts(read=92, unchanged=75, deleted=17)


async def test_confirmed_deletions_are_done_also_when_the_watermark_has_moved_on(world: SyncWorld) -> None:
    """By a run that reads nothing; when it is done there is nothing left to confirm."""
    await told(world, many(400))
    held = await told(world, gone(400))
    assert held.held_deletions == {"thing": 320}
    await told(world, many(3, first=900))
    fetched = len(world.adapter.requests)
    execution = await confirmed(world, held)
    assert (execution.status, execution.confirms) == (ExecutionStatus.SUCCEEDED, held.id)
    assert execution.counts == SyncCounts(deleted=320)
    assert await live(world) == {"r900", "r901", "r902"}
    assert (await world.quarantined(), len(world.adapter.requests)) == ([], fetched)
    with pytest.raises(InvalidStateError, match="holds no deletions"):
        await world.held_deletions.confirm(TENANT, held.id, "request-2")
    assert (await told(world, [])).counts == SyncCounts()


@pytest.mark.parametrize("modified_at", [None, 1, 9])
async def test_a_record_that_comes_back_takes_its_held_deletion_back(
    world: SyncWorld, modified_at: int | None
) -> None:
    """Restored as it was, it may even have an earlier version than the deletion."""
    await told(world, many(40))
    tombstones = [SourceRecord(each.external_id, {}, 5, deleted=True) for each in gone(20)]
    held = await told(world, tombstones)
    assert "r015" in await held_ids(world)
    await told(world, [SourceRecord("r015", {"name": "a name"}, modified_at)])
    assert await held_ids(world) == {f"r{number:03}" for number in range(10, 20)} - {"r015"}
    assert (await confirmed(world, held)).counts == SyncCounts(deleted=9)
    assert await live(world) == {"r015", *(f"r{number:03}" for number in range(20, 40))}


async def test_a_record_that_comes_back_bad_is_not_deleted_either(world: SyncWorld) -> None:
    """It is there again, if not as it should be."""
    await told(world, many(40))
    held = await told(world, gone(11))
    await told(world, [record("r010", None)])
    (entry,) = await world.quarantined()
    assert [reason["code"] for reason in entry["reasons"]] == ["required"]
    with pytest.raises(InvalidStateError, match="holds no deletions"):
        await world.held_deletions.confirm(TENANT, held.id, "request-2")


async def test_a_source_that_repeats_itself_gets_no_more_deleted(world: SyncWorld) -> None:
    """What is held stays so, under the run that was told it last; else all would be gone after some runs."""
    await told(world, many(100))
    first = again = await told(world, gone(60))
    assert first.held_deletions == {"thing": 40}
    world.adapter.records = [*gone(60), *many(40, first=60)]
    for _ in range(3):
        again = await told(world, [], SyncMode.FULL)
        assert again.held_deletions == {"thing": 40}
        assert again.counts == SyncCounts(read=100, unchanged=60)
    with pytest.raises(InvalidStateError, match="judged anew"):
        await world.held_deletions.confirm(TENANT, first.id, "request-2")
    assert (await confirmed(world, again)).counts == SyncCounts(deleted=40)
    assert await live(world) == {f"r{number:03}" for number in range(60, 100)}


async def test_a_deletion_that_one_run_is_told_twice_is_counted_once(world: SyncWorld) -> None:
    """Pages that shift may have it twice."""
    await told(world, many(40))
    execution = await told(world, [*gone(16), *gone(16)])
    assert execution.held_deletions == {"thing": 6}
    assert execution.counts == SyncCounts(read=32, deleted=10, unchanged=10)
    assert (await confirmed(world, execution)).counts == SyncCounts(deleted=6)


async def test_a_record_that_comes_and_goes_on_one_page_stays_held(world: SyncWorld) -> None:
    """An earlier page of the run has told its deletion already."""
    await told(world, many(40))
    news = [*gone(14), record("r012", "back"), *gone(1, first=12), *many(5, first=20)]
    execution = await told(world, news)
    assert execution.held_deletions == {"thing": 4}
    assert await held_ids(world) == {"r010", "r011", "r012", "r013"}
    assert (await world.shards())["r012"]["data"] == {"name": "back"}


async def test_more_new_deletions_than_the_share_allows_are_held_beside_the_old(world: SyncWorld) -> None:
    """Each run may do its own share; every run's holds are confirmed for themselves."""
    await told(world, many(100))
    first = await told(world, gone(25))
    second = await told(world, gone(25, first=25))
    # 20 of 100, and 16 of 80.
    assert (first.held_deletions, second.held_deletions) == ({"thing": 5}, {"thing": 9})
    assert (await confirmed(world, first)).counts == SyncCounts(deleted=5)
    assert len(await held_ids(world)) == 9
    assert (await confirmed(world, second)).counts == SyncCounts(deleted=9)
    assert await live(world) == {f"r{number:03}" for number in range(50, 100)}


async def test_a_larger_share_lets_held_deletions_go_when_they_are_told_again(world: SyncWorld) -> None:
    """With 100 nothing is held, and what was held is done."""
    await told(world, many(40))
    await told(world, gone(30))
    await configure(world, sync_config=SyncConfig(deletion_hold_percent=100))
    execution = await told(world, gone(30))
    assert execution.counts == SyncCounts(read=30, deleted=20, unchanged=10)
    assert await world.quarantined() == []


async def test_a_failed_run_shows_what_it_holds_and_lets_it_be_confirmed(world: SyncWorld) -> None:
    """What stopped it came after."""
    await told(world, many(40))
    world.adapter.faults[len(world.adapter.requests) + 3] = CredentialsRejectedError("revoked")
    failed = await told(world, gone(30))
    assert (failed.status, failed.held_deletions) == (ExecutionStatus.FAILED, {"thing": 4})
    assert (await confirmed(world, failed)).counts == SyncCounts(deleted=4)


async def test_another_mapping_forgets_no_deletion(world: SyncWorld) -> None:
    """A full reading does not tell them again."""
    await told(world, many(40))
    held = await told(world, gone(30))
    integration = await world.integrations.get(TENANT, "int1")
    mapping = integration.entity_mappings[0].model_copy(update={"fields": FIELDS[:1]})
    await configure(world, entity_mappings=(mapping,))
    assert (await confirmed(world, held)).counts == SyncCounts(deleted=20)


async def test_what_a_run_was_told_and_what_its_sweep_found_are_one_share(world: SyncWorld) -> None:
    """Both are held beyond it, and one confirmation does both."""
    world.adapters.swept = Sweep.ONCE
    await told(world, many(100))
    world.adapter.records = [*gone(30), *many(50, first=30)]
    execution = await told(world, [], SyncMode.FULL)
    assert execution.counts == SyncCounts(read=80, deleted=20, unchanged=50)
    assert execution.held_deletions == {"thing": 10 + 20}
    assert (await confirmed(world, execution)).counts == SyncCounts(deleted=30)
    assert await live(world) == {f"r{number:03}" for number in range(30, 80)}
    assert await world.quarantined() == []


async def test_a_held_deletion_can_be_done_or_forgotten_by_itself(world: SyncWorld) -> None:
    """By its entry in quarantine, also where a deletion has the version of the record."""
    world.adapter.records = [SourceRecord(f"r{number:03}", {"name": "a name"}, 5) for number in range(40)]
    await world.run()
    tombstones = [SourceRecord(each.external_id, {}, 5, deleted=True) for each in gone(12)]
    held = await told(world, tombstones)
    replayed = await world.quarantine.replay(TENANT, shard_id("int1", "thing", "r010"))
    assert replayed.outcome == "stored"
    assert await held_ids(world) == {"r011"}
    await world.quarantine.discard(TENANT, shard_id("int1", "thing", "r011"), None)
    with pytest.raises(InvalidStateError, match="holds no deletions"):
        await world.held_deletions.confirm(TENANT, held.id, "request-2")
    assert await live(world) == {f"r{number:03}" for number in range(11, 40)}


async def test_replaying_a_whole_quarantine_deletes_nothing(world: SyncWorld) -> None:
    """It is done because a mapping was mended; deletions have a confirmation of their own."""
    await told(world, many(40))
    await told(world, gone(15))
    answer = await world.bulk_replay.run(TENANT, "int1", 1000, None)
    assert (answer.stored, answer.not_replayable, answer.continuation) == (0, 5, None)
    assert len(await live(world)) == 30


async def test_a_confirmation_with_nothing_left_to_do_fails(world: SyncWorld) -> None:
    """Somebody discarded the deletions after it was asked for."""
    await told(world, many(40))
    held = await told(world, gone(11))
    started = await world.held_deletions.confirm(TENANT, held.id, "request-2")
    await world.quarantine.discard(TENANT, shard_id("int1", "thing", "r010"), None)
    await world.work()
    assert await world.status(started.id) is ExecutionStatus.FAILED
    assert "r010" in await live(world)


async def test_an_earlier_record_on_the_same_page_as_its_held_deletion_is_stored(world: SyncWorld) -> None:
    """Only the deletion is held; until then the shard is what the source last said."""
    world.adapter.page_size = 1000
    await told(world, many(40))
    execution = await told(world, [*gone(11), record("r030", "news"), *gone(1, first=30)])
    assert execution.counts == SyncCounts(read=13, deleted=10, updated=1)
    assert (await world.shards())["r030"]["data"] == {"name": "news"}
    assert (await confirmed(world, execution)).counts == SyncCounts(deleted=2)


class ReadLog(DyingStore):
    """Notes what is read of shards and quarantine, but for single documents."""

    def __init__(self, inner: DocumentStore) -> None:
        super().__init__(inner)
        self.reads: list[str] = []

    async def read_many(
        self,
        container: str,
        partition: Partition,
        document_ids: Sequence[str],
        fields: Sequence[str] | None = None,
    ) -> Mapping[str, Document]:
        self._note("read", container)
        return await super().read_many(container, partition, document_ids, fields)

    async def query(self, container: str, query: Query) -> Page:
        self._note("query", container)
        return await super().query(container, query)

    def _note(self, what: str, container: str) -> None:
        if container in {"shards", "quarantine"}:
            self.reads.append(f"{what} {container}")


async def test_a_run_with_few_deletions_reads_no_more_than_one_without(tmp_path: Path) -> None:
    """One look into quarantine a step, and one for the shards of each page."""
    clock = ManualClock()
    inner = await SqliteDocumentStore.open(tmp_path / "documents.db", clock)
    try:
        store = ReadLog(inner)
        world = SyncWorld(store, clock, StepLimits(1000, 480, 600))
        await world.add_integration()
        world.adapter.page_size = 20
        await told(world, many(60))
        assert store.reads == ["query quarantine", *["read shards"] * 3]
        store.reads.clear()
        await told(world, [*gone(10), *many(30, first=30)])
        assert store.reads == ["query quarantine", *["read shards"] * 2]
    finally:
        await inner.close()
