"""kill -9 in every phase of a sync: the end state is the server's all the same."""

from __future__ import annotations

import random
from pathlib import Path

from tests.integration.kill_plans import Changes, KillPlan
from tests.integration.kill_rounds import PHASES, SWEPT_PHASES, play_rounds


async def test_a_sync_that_is_killed_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """In each named phase, in a first load and later: nothing is lost, doubled, or wrongly counted."""
    order = random.Random(7)
    phases = [phase for _ in range(2) for phase in order.sample(PHASES, k=len(PHASES))]
    results = await play_rounds(tmp_path, 600, phases, 7, "development")
    assert [result for result in results if not (result.equal and result.counted)] == []
    assert {result.status for result in results} == {"partial"}
    assert sum(result.died for result in results) >= len(PHASES)


async def test_an_incremental_sync_that_is_killed_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """The same of runs that only read what has changed since the one before, over several pages."""
    phases = random.Random(10).sample(PHASES, k=len(PHASES))
    results = await play_rounds(tmp_path, 600, phases, 10, "development", incremental=True)
    assert [result for result in results if not (result.equal and result.counted)] == []
    assert {result.status for result in results} == {"partial"}
    assert sum(result.died for result in results) >= len(PHASES) // 2


def test_a_seed_decides_what_rounds_change_and_where_the_app_dies() -> None:
    """The same rows and the same seed give the same round again; another seed gives another."""

    def decided(seed: int) -> object:
        plan, rows = KillPlan(seed, 100, 8), {f"row-{number}" for number in range(600)}
        return [(plan.edits(rows), plan.death(phase, 350, Changes(90, 150, 75, 1))) for phase in PHASES]

    assert decided(1) == decided(1) != decided(2)


async def test_a_sweep_that_is_killed_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """The same of a provider that never says what is gone: all that is, and nothing else, is deleted."""
    phases = [*random.Random(8).sample(SWEPT_PHASES, k=len(SWEPT_PHASES)), "sweep", "sweep"]
    results = await play_rounds(tmp_path, 1000, phases, 8, "development", swept=True)
    assert [result for result in results if not (result.equal and result.counted)] == []
    assert {result.status for result in results} == {"partial"}
    assert sum(result.died for result in results) >= len(SWEPT_PHASES)


async def test_an_instance_that_is_killed_leaves_its_work_to_the_other(tmp_path: Path) -> None:
    """Two instances share Azure's services; the one that does the work dies, and the other ends the run."""
    phases = random.Random(9).sample(PHASES, k=len(PHASES) // 2)
    results = await play_rounds(tmp_path, 300, phases, 9, "development", cloud=True)
    assert [result for result in results if not (result.equal and result.counted)] == []
    assert {result.status for result in results} == {"partial"}
    assert sum(result.died for result in results) >= len(phases) // 2
