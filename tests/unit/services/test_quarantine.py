"""Quarantine: what becomes of a rejected record that is taken again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import InvalidStateError, LeaseHeldError, NotFoundError, Reason, StaleWriteError
from shared.domain.integration import EntityMapping, FieldMapping, IntegrationStatus
from shared.domain.shards import shard_id
from shared.domain.sync import ExecutionStatus, SyncCounts, SyncMode, Trigger
from shared.ports.adapter import SourceRecord
from shared.repositories.quarantine import QuarantineRepository
from tests.unit.services.sync_world import TENANT, SyncWorld, sync_world

ENTRY = shard_id("int1", "thing", "a")
LENIENT = EntityMapping(
    entity="thing",
    shard_type_id="thing-shard",
    fields=(FieldMapping(external_field="size", shard_field="size", transform="number"),),
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SyncWorld]:
    """One record is in quarantine, because it has no name."""
    async with sync_world(tmp_path) as made:
        await made.add_integration()
        await reject(made, modified_at=5)
        yield made


async def reject(world: SyncWorld, modified_at: str | int | None, size: str = "3") -> None:
    world.adapter.records = [SourceRecord("a", {"name": None, "size": size}, modified_at)]
    await world.run(SyncMode.FULL)


async def change_integration(world: SyncWorld, **changes: Any) -> None:
    integration = await world.integrations.get(TENANT, "int1")
    await world.integrations.replace(integration.changed(**changes))


async def test_a_mended_mapping_takes_the_record_after_all(world: SyncWorld) -> None:
    """Its shard is the one that a sync would have written, and the entry is gone."""
    await change_integration(world, entity_mappings=(LENIENT,))
    replayed = await world.quarantine.replay(TENANT, ENTRY)
    shard = (await world.shards())["a"]
    assert (replayed.outcome, replayed.shard_id) == ("stored", shard["id"])
    assert (shard["data"], shard["source"]["modifiedAt"]) == ({"size": 3}, 5)
    assert await world.quarantined() == []


async def test_a_record_that_is_rejected_again_stays_with_its_new_reasons(world: SyncWorld) -> None:
    """The refusal names them."""
    stricter = FieldMapping(external_field="colour", shard_field="colour", transform="trim", required=True)
    fields = (*LENIENT.fields, stricter)
    await change_integration(world, entity_mappings=(LENIENT.model_copy(update={"fields": fields}),))
    with pytest.raises(InvalidStateError, match="rejected again: required"):
        await world.quarantine.replay(TENANT, ENTRY)
    (entry,) = await world.quarantined()
    assert [reason["field"] for reason in entry["reasons"]] == ["colour"]
    assert await world.shards() == {}


@pytest.mark.parametrize(
    ("rejected_at", "stored_at", "outcome"),
    [
        (5, 5, "superseded"),
        (5, 6, "superseded"),
        (5, 4, "stored"),
        (5, "6", "stored"),
        (5, None, "stored"),
        (None, 6, "stored"),
        ("2026-01-01", "2026-01-02", "superseded"),
        ("2026-01-01T10:30:00Z", "2026-01-01T12:00:00+02:00", "stored"),
        ("2026-01-01T12:00:00+02:00", "2026-01-01T10:30:00Z", "superseded"),
        ("9", "10", "superseded"),
    ],
)
@pytest.mark.parametrize("deleted", [False, True])
async def test_a_record_that_was_stored_later_is_not_overwritten(
    world: SyncWorld,
    rejected_at: str | int | None,
    stored_at: str | int | None,
    outcome: str,
    *,
    deleted: bool,
) -> None:
    """Times of one kind are compared; a deletion counts as a later state too. Syncs leave no such entries."""
    await reject(world, rejected_at)
    left_behind = await world.quarantined()
    good = SourceRecord("a", {"name": "Ann", "size": "9"}, stored_at)
    world.adapter.records = [good]
    await world.run(SyncMode.FULL)
    if deleted:
        world.adapter.records = [SourceRecord("a", {}, stored_at, deleted=True)]
        await world.run(SyncMode.FULL)
    before = await world.etags()
    await QuarantineRepository(world.store).put_many(TENANT, left_behind)
    await change_integration(world, entity_mappings=(LENIENT,))
    assert (await world.quarantine.replay(TENANT, ENTRY)).outcome == outcome
    assert (await world.etags() == before) == (outcome == "superseded")
    assert await world.quarantined() == []


@pytest.mark.parametrize(
    ("rejected_at", "arrived_at", "stays"),
    [(5, 6, False), (5, 5, False), (5, 4, True), (5, None, False), (None, 6, False), (None, None, False)],
)
@pytest.mark.parametrize("deleted", [False, True])
async def test_a_record_that_arrives_good_leaves_quarantine(
    world: SyncWorld, rejected_at: int | None, arrived_at: int | None, *, stays: bool, deleted: bool
) -> None:
    """Mended or deleted at the source, unless what arrives is an earlier version than what was rejected."""
    await reject(world, rejected_at)
    world.adapter.records = [SourceRecord("a", {"name": "Ann"}, arrived_at, deleted=deleted)]
    await world.run(SyncMode.FULL)
    assert len(await world.quarantined()) == stays


async def test_a_record_that_is_mended_within_a_run_leaves_quarantine(world: SyncWorld) -> None:
    """Pages that shift may have it twice; of other records of the entity nothing is removed."""
    await world.quarantine.discard(TENANT, ENTRY, None)
    rejected = [SourceRecord(key, {"name": None}) for key in "bcd"]
    world.adapter.records = [*rejected, SourceRecord("c", {"name": "Cy"}), SourceRecord("e", {"name": None})]
    execution = await world.run(SyncMode.FULL)
    assert execution.counts == SyncCounts(read=5, created=1, rejected=4)
    assert {entry["externalId"] for entry in await world.quarantined()} == {"b", "d", "e"}


async def test_an_unchanged_record_takes_its_rejected_version_back(world: SyncWorld) -> None:
    """The source has gone back to what the shard holds."""
    world.adapter.records = [SourceRecord("a", {"name": "Ann"})]
    await world.run(SyncMode.FULL)
    await reject(world, modified_at=None)
    assert len(await world.quarantined()) == 1
    world.adapter.records = [SourceRecord("a", {"name": "Ann"})]
    assert (await world.run(SyncMode.FULL)).counts == SyncCounts(read=1, unchanged=1)
    assert await world.quarantined() == []


async def test_a_record_that_arrives_of_one_entity_leaves_those_of_another(world: SyncWorld) -> None:
    """The same id may be a record of each."""
    integration = await world.integrations.get(TENANT, "int1")
    other = integration.entity_mappings[0].model_copy(update={"entity": "other"})
    await change_integration(world, entity_mappings=(*integration.entity_mappings, other))
    await reject(world, 6)
    assert len(await world.quarantined()) == 2
    world.adapter.records = [SourceRecord("a", {"name": "Ann"}, 7)]
    integration = await world.integrations.get(TENANT, "int1")
    await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1", "other")
    await world.work()
    assert [entry["entity"] for entry in await world.quarantined()] == ["thing"]


async def test_a_record_too_large_to_be_kept_can_not_be_replayed(world: SyncWorld) -> None:
    """There is nothing to take; the entry stays for its reason."""
    await reject(world, 7, size="x" * 3_000_000)
    with pytest.raises(InvalidStateError, match="too large"):
        await world.quarantine.replay(TENANT, ENTRY)
    assert len(await world.quarantined()) == 1


def malformed(key: str, code: str) -> SourceRecord:
    return SourceRecord(key, {"name": "Ann", "size": "3"}, rejection=Reason(code, None, "Why."))


async def test_a_malformed_record_is_put_aside_and_the_others_are_kept(world: SyncWorld) -> None:
    """The run is partial; what was stored of the record before stays; arriving good, it leaves quarantine."""
    good = SourceRecord("b", {"name": "Bea", "size": "1"})
    world.adapter.records = [SourceRecord("a", {"name": "Ann", "size": "3"}, 7), good]
    await world.run(SyncMode.FULL)
    world.adapter.records = [malformed("a", "invalid_deleted"), good]
    execution = await world.run(SyncMode.FULL)
    assert execution.status is ExecutionStatus.PARTIAL
    assert execution.counts == SyncCounts(read=2, unchanged=1, rejected=1)
    assert execution.quality is not None
    assert (execution.quality.valid_records, execution.quality.invalid_records) == (1, 1)
    (entry,) = await world.quarantined()
    assert entry["id"] == ENTRY
    assert entry["reasons"] == [{"code": "invalid_deleted", "field": None, "message": "Why."}]
    assert entry["record"] == {"name": "Ann", "size": "3"}
    assert (await world.shards())["a"]["data"] == {"name": "Ann", "size": 3}
    world.adapter.records = [SourceRecord("a", {"name": "Ann", "size": "3"}, 8), good]
    assert (await world.run(SyncMode.FULL)).status is ExecutionStatus.SUCCEEDED
    assert await world.quarantined() == []


@pytest.mark.parametrize(
    ("code", "end"),
    [("invalid_modified", "the record leaves quarantine then"), ("missing_id", "discard this entry")],
)
async def test_a_malformed_record_can_not_be_replayed(world: SyncWorld, code: str, end: str) -> None:
    """No mapping reads what the provider's document does not; the refusal says what to do instead."""
    world.adapter.records = [malformed("a", code)]
    await world.run(SyncMode.FULL)
    await change_integration(world, entity_mappings=(LENIENT,))
    with pytest.raises(InvalidStateError, match=rf"malformed \({code}\).* sync in full; {end}\.$"):
        await world.quarantine.replay(TENANT, ENTRY)
    replayed = await world.bulk_replay.run(TENANT, "int1", 100, None)
    assert (replayed.stored, replayed.not_replayable) == (0, 1)
    assert len(await world.quarantined()) == 1
    assert await world.shards() == {}


async def test_a_replay_waits_for_the_sync_of_its_integration(world: SyncWorld) -> None:
    """The two would write the same shards."""
    async with world.leases.hold(TENANT, "sync.int1"):
        with pytest.raises(LeaseHeldError):
            await world.quarantine.replay(TENANT, ENTRY)
    assert len(await world.quarantined()) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": IntegrationStatus.DISABLED}, "not active"),
        ({"entity_mappings": ()}, "no longer mapped"),
    ],
)
async def test_a_replay_may_do_no_more_than_a_sync(
    world: SyncWorld, changes: dict[str, Any], message: str
) -> None:
    """What the integration may not sync is refused, and the entry stays."""
    await change_integration(world, **changes)
    with pytest.raises(InvalidStateError, match=message):
        await world.quarantine.replay(TENANT, ENTRY)
    assert len(await world.quarantined()) == 1


async def test_another_tenants_entry_is_not_there(world: SyncWorld) -> None:
    """Neither to replay nor to discard."""
    with pytest.raises(NotFoundError):
        await world.quarantine.replay("other", ENTRY)
    with pytest.raises(NotFoundError):
        await world.quarantine.discard("other", ENTRY, None)
    assert len(await world.quarantined()) == 1


async def test_an_entry_that_was_rewritten_is_not_discarded_unseen(world: SyncWorld) -> None:
    """A caller who names the version that was read keeps the newer rejection."""
    (seen,) = (await world.quarantine.page(TENANT, "int1", 10, None)).items
    await reject(world, 6)
    with pytest.raises(StaleWriteError):
        await world.quarantine.discard(TENANT, ENTRY, seen.etag)
    assert len(await world.quarantined()) == 1
    await world.quarantine.discard(TENANT, ENTRY, None)
    assert await world.quarantined() == []
