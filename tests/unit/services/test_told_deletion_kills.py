"""A process that dies at any write of a run with held deletions: the end is the same as if it had not."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.schedule import SyncConfig
from shared.domain.sweeps import Sweep
from shared.domain.sync import ExecutionStatus, SyncCounts, SyncExecution, SyncMode
from shared.ports.adapter import SourceRecord
from tests.unit.services.sync_world import TENANT, record
from tests.unit.services.test_sweep_kills import MortalWorld, mortal_world

DELETED = SyncCounts(read=20, deleted=10, created=1, rejected=1)


def records(*keys: int) -> list[SourceRecord]:
    return [record(f"r{key:02}") for key in keys]


def tombstones(*keys: int) -> list[SourceRecord]:
    return [record(f"r{key:02}", deleted=True) for key in keys]


async def begun(world: MortalWorld, news: list[SourceRecord]) -> SyncExecution:
    return await world.begin([*world.adapter.records, *news], SyncMode.INCREMENTAL)


async def prepared(world: MortalWorld) -> None:
    """Thirty records, with the usual share, in pages of which the sixth is the first with held deletions."""
    integration = await world.integrations.get(TENANT, "int1")
    await world.integrations.replace(integration.changed(sync_config=SyncConfig()))
    world.adapters.swept = Sweep.NEVER
    await world.begin(records(*range(30)))
    await world.survive()


async def held_ids(world: MortalWorld) -> list[str]:
    return sorted(entry["externalId"] for entry in await world.quarantined() if "heldBy" in entry)


async def test_a_run_that_dies_at_any_write_deletes_holds_and_counts_once(tmp_path: Path) -> None:
    """Every write of a run is the last one in its turn."""
    at = 0
    while True:
        (folder := tmp_path / str(at)).mkdir()
        async with mortal_world(folder) as world:
            await prepared(world)
            world.adapter.page_size = 3
            news = [*tombstones(*range(18)), record("bad", None), record("new")]
            execution = await begun(world, news)
            world.store.dies_before = at
            died = await world.survive()
            ended = await world.ended(execution)
            assert (ended.status, ended.counts) == (ExecutionStatus.PARTIAL, DELETED)
            assert ended.held_deletions == {"thing": 8}
            assert await held_ids(world) == [f"r{key:02}" for key in range(10, 18)]
            assert set(await world.live()) == {"new", *(f"r{key:02}" for key in range(10, 30))}
        if not died:
            break
        at += 1
    assert at > 15


async def test_a_confirmation_that_dies_at_any_write_deletes_and_counts_once(tmp_path: Path) -> None:
    """Confirmed once is done once; no entry is left behind."""
    at = 0
    while True:
        (folder := tmp_path / str(at)).mkdir()
        async with mortal_world(folder) as world:
            await prepared(world)
            held = await begun(world, tombstones(*range(24)))
            await world.survive()
            confirming = await world.held_deletions.confirm(TENANT, held.id, "request-2")
            world.store.dies_before = at
            died = await world.survive()
            ended = await world.ended(confirming)
            assert (ended.status, ended.counts) == (ExecutionStatus.SUCCEEDED, SyncCounts(deleted=14))
            assert await held_ids(world) == []
            assert set(await world.live()) == {f"r{key:02}" for key in range(24, 30)}
        if not died:
            break
        at += 1
    assert at > 5


WHAT = ["deleted", "deleted", "deleted", "one", ""]
NEWS = st.lists(
    st.lists(st.tuples(st.integers(0, 29), st.sampled_from(WHAT)), min_size=15, max_size=40),
    min_size=1,
    max_size=4,
)
DEATHS = st.lists(st.integers(0, 30), min_size=4, max_size=4)


@dataclass(frozen=True)
class End:
    """What is left of a run: what callers see of it, and what is stored."""

    counts: SyncCounts
    held: dict[str, int]
    live: dict[str, str]
    held_ids: list[str]


async def played(folder: Path, news: list[list[tuple[int, str]]], deaths: list[int | None]) -> list[End]:
    """Run once for each piece of news, then confirm everything; return how each run ended."""
    ends: list[End] = []
    said = {f"r{key:02}": "a name" for key in range(30)}
    async with mortal_world(folder) as world:
        await prepared(world)
        for piece, death in zip(news, deaths, strict=False):
            said |= {f"r{key:02}": what for key, what in piece}
            execution = await begun(world, [_record(key, what) for key, what in piece])
            world.store.dies_before = death
            await world.survive()
            world.store.revive()
            ended = await world.ended(execution)
            held, live = await held_ids(world), await world.live()
            ends.append(End(ended.counts, ended.held_deletions, live, held))
            _require_true(said, live, held)
        for run in {entry["heldBy"] for entry in await world.quarantined() if "heldBy" in entry}:
            await world.held_deletions.confirm(TENANT, run, "request-2")
            await world.survive()
        _require_true(said, await world.live(), held=[])
        assert await held_ids(world) == []
    return ends


def _record(key: int, what: str) -> SourceRecord:
    return record(f"r{key:02}", what or None, deleted=what == "deleted")


def _require_true(said: dict[str, str], live: dict[str, str], held: list[str]) -> None:
    """What was last said of a record is so: deleted is gone or held, and a name is live and not held."""
    for key, what in said.items():
        assert (key in live) == (key in held) if what == "deleted" else key not in held
        assert live.get(key) == what or what in {"deleted", ""}


@given(news=NEWS, deaths=DEATHS)
@settings(max_examples=60, deadline=None)
def test_deaths_make_no_difference_to_what_is_deleted_and_held(
    news: list[list[tuple[int, str]]], deaths: list[int | None]
) -> None:
    """Whatever the provider says of its records, and wherever the process died."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        undisturbed = asyncio.run(played(Path(one), news, [None] * len(news)))
        assert asyncio.run(played(Path(other), news, deaths)) == undisturbed
