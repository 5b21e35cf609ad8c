"""Turns: so many at once, the others in line, and nobody kept out for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.domain.errors import LeaseHeldError
from shared.ports.documents import DocumentStore
from shared.resilience.turns import MAX_WAITING, SLICE_SECONDS, TURN_SECONDS, Turns
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[DocumentStore]:
    opened = await SqliteDocumentStore.open(tmp_path / "documents.db", clock)
    yield opened
    await opened.close()


@pytest.fixture
def turns(store: DocumentStore, clock: FakeClock) -> Turns:
    return Turns(store, clock)


async def granted(turns: Turns, key: str, limit: int = 1) -> bool:
    return (await turns.enter("acme", limit, key, f"note of {key}")).granted


async def test_no_more_than_the_limit_have_a_turn(store: DocumentStore, clock: FakeClock) -> None:
    """However many ask at once, from however many processes."""
    results = await asyncio.gather(
        *(granted(Turns(store, clock), f"run{number}", limit=3) for number in range(12))
    )
    assert results.count(True) == 3


async def test_who_leaves_calls_the_first_in_line(turns: Turns) -> None:
    """In the order of coming, each once."""
    assert await granted(turns, "a")
    assert [await granted(turns, key) for key in ("b", "c", "b")] == [False, False, False]
    assert await turns.leave("acme", 1, "a") == ["note of b"]
    assert list(await turns.leave("acme", 1, "a")) == []
    assert not await granted(turns, "c")
    assert await granted(turns, "b")
    assert await turns.leave("acme", 1, "b") == ["note of c"]


async def test_a_holder_goes_on_without_a_write(turns: Turns, store: DocumentStore, clock: FakeClock) -> None:
    """A step costs one read while nobody waits; only half a turn later it is extended."""
    await granted(turns, "a")
    before = await store.get("runtime-state", ("acme",), "turns")
    clock.advance(TURN_SECONDS / 2 - 1)
    assert await granted(turns, "a")
    assert await store.get("runtime-state", ("acme",), "turns") == before
    clock.advance(1)
    assert await granted(turns, "a")
    clock.advance(TURN_SECONDS - 1)
    assert not await granted(turns, "b")


async def test_a_long_holder_lets_the_others_in(turns: Turns, clock: FakeClock) -> None:
    """After its slice it goes to the end of the line, and comes back in its order."""
    await granted(turns, "a")
    await granted(turns, "b")
    clock.advance(SLICE_SECONDS - 1)
    assert await granted(turns, "a")
    clock.advance(1)
    entry = await turns.enter("acme", 1, "a", "note of a")
    assert (entry.granted, list(entry.called)) == (False, ["note of b"])
    assert await turns.leave("acme", 1, "b") == ["note of a"]


async def test_a_turn_that_is_never_given_back_runs_out(turns: Turns, clock: FakeClock) -> None:
    """The process that had it is dead; whoever asks next makes the first in line be called."""
    await granted(turns, "dead")
    await granted(turns, "b")
    clock.advance(TURN_SECONDS)
    entry = await turns.enter("acme", 1, "c", "note of c")
    assert (entry.granted, list(entry.called)) == (False, ["note of b"])


async def test_lines_of_different_scopes_know_nothing_of_each_other(turns: Turns) -> None:
    """A tenant never waits for another's."""
    await granted(turns, "a")
    assert (await turns.enter("other", 1, "b", "note")).granted


async def test_the_line_has_an_end(turns: Turns) -> None:
    """Who finds it full comes again later, so that its document stays small."""
    for number in range(MAX_WAITING + 1):
        await granted(turns, f"run{number}")
    with pytest.raises(LeaseHeldError):
        await granted(turns, "one more")
