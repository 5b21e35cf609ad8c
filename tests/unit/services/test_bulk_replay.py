"""Replaying a whole quarantine: in batches, once for each entry, under one lease."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import InvalidRequestError, InvalidStateError, LeaseHeldError, NotFoundError
from shared.domain.integration import EntityMapping, FieldMapping, Integration, IntegrationStatus
from shared.domain.sync import SyncMode
from shared.ports.adapter import SourceRecord
from shared.repositories.quarantine import QuarantineEntry, QuarantineRepository
from shared.repositories.shards import ShardRepository
from shared.resilience.lease import Lease
from shared.services.bulk_replay import BulkReplay, BulkReplayed
from shared.services.page_intake import PageIntake
from shared.services.retaking import Retaking, Taken
from tests.unit.services.sync_world import FIELDS, TENANT, SyncWorld, sync_world

SIZE = FieldMapping(external_field="size", shard_field="size", transform="number")


def mapping(*fields: FieldMapping, entity: str = "thing") -> EntityMapping:
    return EntityMapping(entity=entity, shard_type_id="thing-shard", fields=fields)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SyncWorld]:
    """250 records are in quarantine, because they have no name; every tenth has a size that is no number."""
    async with sync_world(tmp_path, max_records=1000) as made:
        await made.add_integration()
        made.adapter.page_size = 1000
        made.adapter.records = [
            SourceRecord(f"r{n:03}", {"name": None, "size": "x" if n % 10 == 0 else str(n)}, n)
            for n in range(250)
        ]
        await made.run(SyncMode.FULL)
        yield made


async def change(world: SyncWorld, **changes: Any) -> None:
    integration = await world.integrations.get(TENANT, "int1")
    await world.integrations.replace(integration.changed(**changes))


async def replay(world: SyncWorld, limit: int = 1000, continuation: str | None = None) -> BulkReplayed:
    return await world.bulk_replay.run(TENANT, "int1", limit, continuation)


def counts(answer: BulkReplayed) -> tuple[int, int, int, int]:
    return answer.stored, answer.superseded, answer.rejected, answer.not_replayable


async def test_a_mended_mapping_takes_all_that_it_can(world: SyncWorld) -> None:
    """The others stay in quarantine, with the reason of this time."""
    await change(world, entity_mappings=(mapping(SIZE),))
    answer = await replay(world)
    assert (counts(answer), answer.continuation) == ((225, 0, 25, 0), None)
    left = await world.quarantined()
    assert len(await world.shards()) == 225
    assert {reason["field"] for entry in left for reason in entry["reasons"]} == {"size"}
    assert (len(left), len({entry["executionId"] for entry in left})) == (25, 1)


async def test_many_calls_try_every_entry_once(world: SyncWorld) -> None:
    """Each goes on where the one before ended, also past what was rejected again."""
    await change(world, entity_mappings=(mapping(SIZE),))
    answers = [await replay(world, 60)]
    while answers[-1].continuation:
        answers.append(await replay(world, 60, answers[-1].continuation))
    assert [sum(counts(answer)) for answer in answers] == [60, 60, 60, 60, 10]
    assert sum(answer.stored for answer in answers) == 225
    assert len(await world.quarantined()) == 25


async def test_a_repeated_call_takes_what_is_left(world: SyncWorld) -> None:
    """The answer to the first one may have been lost."""
    await change(world, entity_mappings=(mapping(SIZE),))
    first = await replay(world, 100)
    await replay(world, 100, first.continuation)
    again = await replay(world, 100, first.continuation)
    assert (again.stored, again.continuation) == (45, None)
    assert len(await world.shards()) == 225


class Slow(Retaking):
    """Every batch takes twelve seconds."""

    def __init__(self, world: SyncWorld) -> None:
        entries, shards = QuarantineRepository(world.store), ShardRepository(world.store)
        super().__init__(entries, shards, PageIntake(shards, entries, world.clock))
        self._clock = world.clock

    async def take(
        self,
        entries: Sequence[QuarantineEntry],
        integration: Integration,
        mapping: EntityMapping,
        replay_id: str,
        lease: Lease,
    ) -> Taken:
        self._clock.advance(12)
        return await super().take(entries, integration, mapping, replay_id, lease)


async def test_a_replay_ends_in_time(world: SyncWorld) -> None:
    """No batch is begun after twenty seconds, and the answer tells where to go on."""
    await change(world, entity_mappings=(mapping(SIZE),))
    slow = BulkReplay(
        QuarantineRepository(world.store),
        world.integrations,
        Slow(world),
        world.leases,
        world.clock,
        lambda: "slow",
    )
    answer = await slow.run(TENANT, "int1", 1000, None)
    assert sum(counts(answer)) == 200
    assert sum(counts(await replay(world, continuation=answer.continuation))) == 50


async def test_what_was_synced_meanwhile_is_not_overwritten(world: SyncWorld) -> None:
    """Its entry goes, its shard stays as it is. Syncs leave no such entries."""
    left_behind = [entry for entry in await world.quarantined() if entry["externalId"] == "r001"]
    world.adapter.records = [SourceRecord("r001", {"name": "Ann", "size": "9"}, 300)]
    await world.run(SyncMode.FULL)
    await QuarantineRepository(world.store).put_many(TENANT, left_behind)
    before = (await world.etags())["r001"]
    await change(world, entity_mappings=(mapping(SIZE),))
    assert counts(await replay(world)) == (224, 1, 25, 0)
    assert (await world.etags())["r001"] == before


async def test_what_can_not_be_replayed_is_counted_and_stays(world: SyncWorld) -> None:
    """A record too large to be kept, and those of an entity that is no longer mapped."""
    world.adapter.records = [SourceRecord("big", {"name": None, "size": "x" * 3_000_000})]
    await world.run(SyncMode.FULL)
    await change(world, entity_mappings=(mapping(SIZE),))
    assert counts(await replay(world)) == (225, 0, 25, 1)
    await change(world, entity_mappings=(mapping(*FIELDS, entity="other"),))
    assert counts(await replay(world)) == (0, 0, 0, 26)
    assert len(await world.quarantined()) == 26


async def test_an_integration_that_may_not_sync_replays_nothing(world: SyncWorld) -> None:
    """Nor does one of another tenant."""
    with pytest.raises(NotFoundError):
        await world.bulk_replay.run("other", "int1", 10, None)
    await change(world, status=IntegrationStatus.DISABLED)
    with pytest.raises(InvalidStateError, match="not active"):
        await replay(world)


async def test_a_replay_waits_for_a_sync(world: SyncWorld) -> None:
    """The refusal says what is at work and when to come again."""
    async with world.leases.hold(TENANT, "sync.int1"):
        with pytest.raises(LeaseHeldError, match="A sync or a replay") as caught:
            await replay(world)
    assert caught.value.retry_after_seconds == 60


@pytest.mark.parametrize("continuation", ["nonsense", "e30=", "bm9uZQ=="])
async def test_a_continuation_that_nobody_gave_is_refused(world: SyncWorld, continuation: str) -> None:
    """The refusal names the field."""
    with pytest.raises(InvalidRequestError) as caught:
        await replay(world, continuation=continuation)
    assert [problem.field for problem in caught.value.problems] == ["continuation"]
