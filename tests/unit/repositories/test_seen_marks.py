"""Seen marks: kept by page, read as one, and never overwritten by who has lost the lease."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.domain.errors import LeaseLostError
from shared.domain.sweeps import Inventory
from shared.repositories import seen_marks
from shared.repositories.seen_marks import MarkedRun, SeenMarks
from tests.fakes.clock import START, FakeClock

RUN = MarkedRun("acme", "int1", "thing", "run1")


@pytest.fixture
async def marks(tmp_path: Path) -> AsyncIterator[SeenMarks]:
    clock = FakeClock()
    store = await SqliteDocumentStore.open(tmp_path / "documents.db", clock)
    yield SeenMarks(store, clock)
    await store.close()


def inventory(pages: int, execution_id: str = "run1") -> Inventory:
    return Inventory(execution_id=execution_id, pages=pages, begun_at=START)


async def test_pages_are_read_as_one(marks: SeenMarks) -> None:
    """Also those of several runs, and one without records."""
    other = MarkedRun("acme", "int1", "thing", "run2")
    for number in range(250):
        await marks.put(RUN, number, [f"id{number}"] if number else [], 1)
    await marks.put(other, 0, ["more"], 1)
    seen = await marks.load("acme", "int1", "thing", [inventory(250), inventory(1, "run2")])
    assert seen is not None
    assert [key in seen for key in ("id0", "id1", "id249", "more", "less")] == [
        False,
        True,
        True,
        True,
        False,
    ]


async def test_a_missing_page_makes_all_of_it_worthless(marks: SeenMarks) -> None:
    """What stood on it would be taken for gone."""
    await marks.put(RUN, 0, ["a"], 1)
    await marks.put(RUN, 2, ["c"], 1)
    assert await marks.load("acme", "int1", "thing", [inventory(3)]) is None
    assert await marks.load("acme", "int1", "thing", [inventory(1)]) is not None


async def test_a_page_that_is_stored_again_replaces_its_marks(marks: SeenMarks) -> None:
    """The later reading counts; what an earlier holder of the lease writes late does not."""
    await marks.put(RUN, 0, ["old"], 1)
    await marks.put(RUN, 0, ["new"], 2)
    with pytest.raises(LeaseLostError):
        await marks.put(RUN, 0, ["old"], 1)
    seen = await marks.load("acme", "int1", "thing", [inventory(1)])
    assert seen is not None
    assert ("new" in seen, "old" in seen) == (True, False)


async def test_a_page_of_any_size_is_kept(marks: SeenMarks) -> None:
    """One answer may have more records than a document has room for; a shorter one later is enough too."""
    count = 2 * seen_marks.MARKS_PER_DOCUMENT + 1
    await marks.put(RUN, 0, [f"id{number}" for number in range(count)], 1)
    seen = await marks.load("acme", "int1", "thing", [inventory(1)])
    assert seen is not None
    assert (f"id{count - 1}" in seen, f"id{count}" in seen) == (True, False)
    await marks.put(RUN, 0, ["a"], 2)
    seen = await marks.load("acme", "int1", "thing", [inventory(1)])
    assert seen is not None
    assert ("a" in seen, "id0" in seen, f"id{count - 1}" in seen) == (True, False, False)


async def test_runs_with_marks_are_found_and_removed_one_by_one(marks: SeenMarks) -> None:
    """Entities and runs whose names begin alike are told apart, and tenants and integrations too."""
    names = [("thing", "run1"), ("thing", "run10"), ("thing.x", "run1"), ("thing-2", "run1")]
    runs = [MarkedRun("acme", "int1", *name) for name in names]
    strangers = [MarkedRun("acme", "int2", "thing", "run1"), MarkedRun("other", "int1", "thing", "run1")]
    for run in [*runs, *strangers]:
        for page in range(150 if run == RUN else 2):
            await marks.put(run, page, ["a"], 1)
    await marks.remove(RUN)
    assert {run async for run in marks.runs("acme", "int1")} == {*runs} - {RUN}
    assert [run async for run in marks.runs("other", "int1")] == strangers[1:]
