"""The document store, the queue or the vault fails for a minute in a load."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.servicebus import fast_sdk
from tests.integration.outage_world import PAGE, outage_world
from tests.integration.outages import OUTAGES, Trouble
from tests.unit.services.sync_world import record

PAGES = 10
OF_THE_VAULT = [name for name in OUTAGES if name.startswith("vault")]
IN_MID_LOAD = [name for name in OUTAGES if name not in OF_THE_VAULT]


@pytest.mark.parametrize("outage", IN_MID_LOAD)
async def test_a_load_survives_an_outage(
    outage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every record is stored and counted once, by the process that saw the outage; no message is given up."""
    fast_sdk.install(monkeypatch)
    await _load(tmp_path, PAGES // 2, OUTAGES[outage])


@pytest.mark.parametrize("outage", OF_THE_VAULT)
async def test_a_load_survives_an_outage_of_the_vault(
    outage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where the provider's key can't be read at first; once it is read, it is kept in memory."""
    fast_sdk.install(monkeypatch)
    await _load(tmp_path, 0, OUTAGES[outage])


async def _load(folder: Path, at: int, trouble: Trouble) -> None:
    records = [record(f"r{number}", f"name {number}", size=number) for number in range(PAGES * PAGE)]
    async with outage_world(folder, records, at, trouble) as world:
        run = await world.load()

        assert world.outage.is_over
        assert (run.status, run.counts.created, run.counts.read) == ("succeeded", len(records), len(records))
        assert world.shards() == {one.external_id: (one.data["name"], one.data["size"]) for one in records}
        assert world.dead_letters == 0
