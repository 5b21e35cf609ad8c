"""Leases: one holder at a time, and a token that tells late writers apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.domain.errors import LeaseHeldError, LeaseLostError
from shared.ports.documents import DocumentStore, JsonObject
from shared.resilience.lease import LEASE_SECONDS, POLL_SECONDS, Leases, release_abandoned
from tests.doubles.cosmos import CosmosDouble
from tests.fakes.clock import ManualClock
from tests.fakes.cosmos_store import cosmos_store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["sqlite", "cosmos"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[DocumentStore]:
    if request.param == "cosmos":
        async with CosmosDouble(clock) as cosmos, cosmos_store(cosmos, clock) as azure:
            yield azure
        return
    opened = await SqliteDocumentStore.open(tmp_path / "documents.db", clock)
    yield opened
    await opened.close()


class SilentStore:
    """Passes everything on; while it is silent, no answer to a write comes back."""

    def __init__(self, store: DocumentStore) -> None:
        self.silent = False
        self.written = asyncio.Event()
        self.get = store.get
        self._store = store

    async def put(
        self, container: str, body: JsonObject, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        etag = await self._store.put(container, body, if_match=if_match, if_absent=if_absent)
        if self.silent:
            self.written.set()
            await asyncio.Event().wait()
        return etag


async def test_only_one_of_many_gets_the_lease(store: DocumentStore, clock: ManualClock) -> None:
    """However many try at once, the others are told that it is held."""
    holders = [Leases(store, clock, f"process {number}") for number in range(8)]
    release = asyncio.Event()

    async def hold(leases: Leases) -> int:
        async with leases.hold("acme", "thing"):
            await release.wait()
            return 1

    tasks = [asyncio.create_task(hold(leases)) for leases in holders]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    while len(done) < len(tasks) - 1:
        done, _ = await asyncio.wait(tasks, timeout=0.01)
    release.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results.count(1) == 1
    assert sum(isinstance(result, LeaseHeldError) for result in results) == 7


async def test_the_fencing_token_grows_with_every_holder(store: DocumentStore, clock: ManualClock) -> None:
    """Also when the same process takes it again."""
    leases = Leases(store, clock, "p")
    tokens = []
    for _ in range(3):
        async with leases.hold("acme", "thing") as lease:
            tokens.append(lease.fencing_token)
    assert tokens == [1, 2, 3]


async def test_the_fencing_token_grows_from_process_to_process(
    store: DocumentStore, clock: ManualClock
) -> None:
    """What a process remembers of a lease that it freed does not hide who has had it since."""
    one, other = (Leases(store, clock, name) for name in ("one", "other"))
    tokens = []
    for leases in (one, other, other, one, one):
        async with leases.hold("acme", "thing") as lease:
            tokens.append(lease.fencing_token)
    assert tokens == [1, 2, 3, 4, 5]

    async with other.hold("acme", "thing"):
        with pytest.raises(LeaseHeldError) as caught:
            async with one.hold("acme", "thing"):
                pytest.fail("the lease is held")
    assert caught.value.retry_after_seconds == LEASE_SECONDS


async def test_a_lease_of_a_dead_process_runs_out(store: DocumentStore, clock: ManualClock) -> None:
    """Until then the others are told how long to wait."""
    dead = Leases(store, clock, "dead").hold("acme", "thing")
    held = await dead.__aenter__()
    renewal = next(task for task in asyncio.all_tasks() if task.get_name() == "renew lease thing")
    renewal.cancel()
    clock.advance(20)
    with pytest.raises(LeaseHeldError) as caught:
        async with Leases(store, clock, "next").hold("acme", "thing"):
            pytest.fail("the lease is held")
    assert caught.value.retry_after_seconds == LEASE_SECONDS - 20
    clock.advance(LEASE_SECONDS - 20)
    async with Leases(store, clock, "next").hold("acme", "thing") as lease:
        assert lease.fencing_token == held.fencing_token + 1
        with pytest.raises(LeaseLostError):
            held.check()
    await dead.__aexit__(None, None, None)


async def test_work_that_takes_long_keeps_its_lease(store: DocumentStore, clock: ManualClock) -> None:
    """It is renewed in the background, well before it runs out."""
    async with Leases(store, clock, "p").hold("acme", "thing") as lease:
        for _ in range(10):
            renewed = await store.get("leases", ("acme",), "thing")
            assert renewed is not None
            clock.advance(LEASE_SECONDS / 3)
            while (await store.get("leases", ("acme",), "thing")) == renewed:
                pass  # every look lets the renewal go on
            lease.check()


async def test_a_late_release_does_not_take_the_lease_from_its_next_holder(
    store: DocumentStore, clock: ManualClock
) -> None:
    """What a former holder does on its way out changes nothing."""
    former = Leases(store, clock, "former").hold("acme", "thing")
    await former.__aenter__()
    next(task for task in asyncio.all_tasks() if task.get_name() == "renew lease thing").cancel()
    clock.advance(LEASE_SECONDS)
    async with Leases(store, clock, "next").hold("acme", "thing"):
        await former.__aexit__(None, None, None)
        with pytest.raises(LeaseHeldError):
            async with Leases(store, clock, "third").hold("acme", "thing"):
                pytest.fail("the lease is held")


async def test_an_end_amid_a_renewal_frees_the_lease_all_the_same(
    store: DocumentStore, clock: ManualClock
) -> None:
    """The store has carried the renewal out, and its holder has not heard of it."""
    unheard = SilentStore(store)
    async with Leases(cast("DocumentStore", unheard), clock, "first").hold("acme", "thing"):
        unheard.silent = True
        while LEASE_SECONDS / 3 not in clock.slept:
            await store.get("leases", ("acme",), "thing")  # every look lets the renewal begin
        clock.advance(LEASE_SECONDS / 3)
        await unheard.written.wait()
        unheard.silent = False
    async with Leases(store, clock, "second").hold("acme", "thing") as lease:
        assert lease.fencing_token == 2


async def test_the_only_process_frees_what_its_dead_predecessor_held(
    store: DocumentStore, clock: ManualClock
) -> None:
    """The embedded store has one owner, so nobody else can be at work; the token still grows."""
    dead = Leases(store, clock, "dead").hold("acme", "thing")
    await dead.__aenter__()
    await release_abandoned(store)
    async with Leases(store, clock, "next").hold("acme", "thing") as lease:
        assert lease.fencing_token == 2
    await dead.__aexit__(None, None, None)


async def test_who_has_patience_gets_the_lease_when_it_is_free(
    store: DocumentStore, clock: ManualClock
) -> None:
    """And keeps it for the whole time from then on."""
    async with Leases(store, clock, "first").hold("acme", "thing"):
        waiting = Leases(store, clock, "second").hold("acme", "thing", patience_seconds=LEASE_SECONDS)
        entering = asyncio.create_task(waiting.__aenter__())
        while POLL_SECONDS not in clock.slept:
            await store.get("leases", ("acme",), "thing")  # every look lets the other go on
    clock.advance(POLL_SECONDS)
    lease = await entering
    clock.advance(LEASE_SECONDS - 1)
    lease.check()
    await waiting.__aexit__(None, None, None)
