"""How many requests to Cosmos DB a run takes, counted at the double, with production's message size."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.config import SYNC_LIMITS
from shared.domain.sync import ExecutionStatus, SyncMode
from shared.services.inbound_sync import StepLimits
from tests.doubles.cosmos import CosmosDouble
from tests.fakes.adapter import FakeAdapter
from tests.fakes.clock import ManualClock
from tests.fakes.cosmos_store import cosmos_store
from tests.fakes.dying_store import DyingStore
from tests.unit.services.sync_world import SyncWorld, record

RECORDS = 10_000
MESSAGE = SYNC_LIMITS["production"].max_records_per_sync


@pytest.fixture
async def cosmos() -> AsyncIterator[CosmosDouble]:
    async with CosmosDouble(ManualClock()) as double:
        yield double


@pytest.fixture
async def world(cosmos: CosmosDouble) -> AsyncIterator[SyncWorld]:
    records = [record(f"r{number}", f"name {number}", size=number) for number in range(RECORDS)]
    clock = ManualClock()
    async with cosmos_store(cosmos, clock) as store:
        adapter = FakeAdapter(records, page_size=MESSAGE)
        made = SyncWorld(DyingStore(store), clock, StepLimits(MESSAGE, 480, 600), adapter)
        await made.add_integration()
        yield made


async def test_a_run_takes_few_requests(world: SyncWorld, cosmos: CosmosDouble) -> None:
    """For 100 records a first load asks to write twice at most; nothing changed is no shard and one read."""
    cosmos.counters.reset()
    loaded = await world.run(SyncMode.FULL)
    requests = cosmos.counters.requests
    assert (loaded.status, loaded.counts.created) == (ExecutionStatus.SUCCEEDED, RECORDS)
    assert requests["batch"] + requests["write"] <= 2 * RECORDS / 100

    cosmos.counters.reset()
    unchanged = await world.run(SyncMode.FULL)
    requests = cosmos.counters.requests
    assert (unchanged.status, unchanged.counts.unchanged) == (ExecutionStatus.SUCCEEDED, RECORDS)
    assert cosmos.counters.writes["shards"] == 0
    assert requests["read"] + requests["query"] + requests["changefeed"] <= RECORDS / 100
