"""The document store and the queue fail for a minute in the middle of a load."""

from __future__ import annotations

import pytest

from tests.doubles.servicebus import fast_sdk
from tests.integration.outage_world import PAGE, outage_world
from tests.integration.outages import OUTAGES
from tests.unit.services.sync_world import record

PAGES = 10


@pytest.mark.parametrize("outage", OUTAGES)
async def test_a_load_survives_an_outage(outage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record is stored and counted once, by the process that saw the outage; no message is given up."""
    fast_sdk.install(monkeypatch)
    records = [record(f"r{number}", f"name {number}", size=number) for number in range(PAGES * PAGE)]
    async with outage_world(records, PAGES // 2, OUTAGES[outage]) as world:
        run = await world.load()

        assert world.outage.is_over
        assert (run.status, run.counts.created, run.counts.read) == ("succeeded", len(records), len(records))
        assert world.shards() == {one.external_id: (one.data["name"], one.data["size"]) for one in records}
        assert world.dead_letters == 0
