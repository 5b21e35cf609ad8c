"""The Cosmos DB store where the service throttles, fails, refuses or goes away, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.backends.azure.cosmos_client import CosmosOptions
from shared.backends.azure.cosmos_documents import CosmosDocumentStore
from shared.domain.errors import (
    AlreadyExistsError,
    ConfigurationError,
    RetryableError,
    StaleWriteError,
    ThrottledError,
    UnavailableError,
)
from shared.ports.documents import MAX_DOCUMENT_BYTES, Delete, DocumentStore, Put, Query
from shared.telemetry.request_charge import metered
from tests.doubles.cosmos import CosmosDouble
from tests.fakes.clock import FakeClock
from tests.fakes.cosmos_store import KEY, cosmos_store

KIND = "connections"
TENANT = ("t",)


@pytest.fixture
async def cosmos() -> AsyncIterator[CosmosDouble]:
    async with CosmosDouble(FakeClock()) as double:
        yield double


@pytest.fixture
async def store(cosmos: CosmosDouble) -> AsyncIterator[CosmosDocumentStore]:
    async with cosmos_store(cosmos, FakeClock(), CosmosOptions(throttle_retries=1)) as opened:
        # The SDK reads a container's properties and ranges at the first use, and keeps them.
        await opened.put(KIND, body("warm"))
        await opened.write_many(KIND, TENANT, [Delete("warm"), Delete("warm")])
        cosmos.counters.reset()
        yield opened


def body(document_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": document_id, "tenantId": "t", **fields}


def many(count: int, **kwargs: Any) -> list[Put]:
    return [Put(body(f"d{number:04}"), **kwargs) for number in range(count)]


async def stored(store: DocumentStore) -> list[str]:
    return [found.body["id"] for found in (await store.query(KIND, Query(TENANT, limit=1_000))).items]


async def test_a_throttled_request_comes_again(store: CosmosDocumentStore, cosmos: CosmosDouble) -> None:
    """After one 429 reads, writes and batches succeed, and the caller notices nothing."""
    for kind in ("read", "write", "batch", "query"):
        cosmos.faults.fail(429, kind=kind)

    await store.put(KIND, body("a"))
    await store.write_many(KIND, TENANT, [Put(body("b")), Put(body("c"))])

    assert await store.get(KIND, TENANT, "a") is not None
    assert await stored(store) == ["a", "b", "c"]


async def test_lasting_throttling_is_told_with_its_pause(
    store: CosmosDocumentStore, cosmos: CosmosDouble
) -> None:
    """When the retries are used up the caller learns how long to wait, and nothing was written."""
    cosmos.faults.fail(429, times=100, retry_after_ms=20)

    for attempt in (
        store.put(KIND, body("a")),
        store.write_many(KIND, TENANT, many(3)),
        store.read_many(KIND, TENANT, ["a", "b"]),
    ):
        with pytest.raises(ThrottledError) as caught:
            await attempt
        assert caught.value.retry_after_seconds == 0.02
    cosmos.faults.clear()
    assert await stored(store) == []


@pytest.mark.parametrize("applied", [False, True])
async def test_a_write_whose_answer_is_lost_is_not_repeated(
    store: CosmosDocumentStore, cosmos: CosmosDouble, *, applied: bool
) -> None:
    """A cut connection says that the store does not answer, never that our own document was there before."""
    for attempt in (
        lambda: store.put(KIND, body("a"), if_absent=True),
        lambda: store.write_many(KIND, TENANT, many(2, if_absent=True)),
        lambda: store.delete(KIND, TENANT, "a"),
    ):
        cosmos.counters.reset()
        cosmos.faults.cut(applied=applied)
        with pytest.raises(UnavailableError):
            await attempt()
        assert cosmos.counters.requests.total() == 1

    assert await stored(store) == (["d0000", "d0001"] if applied else [])


@pytest.mark.parametrize("status", [408, 500, 503])
async def test_a_failure_of_the_service_is_told(
    store: CosmosDocumentStore, cosmos: CosmosDouble, status: int
) -> None:
    """What the service could not do, or did without saying so, is unavailable, not somebody else's write."""
    cosmos.faults.fail(status, applied=True)

    with pytest.raises(UnavailableError):
        await store.put(KIND, body("a"), if_absent=True)


async def test_nothing_is_acknowledged_that_is_not_stored(
    store: CosmosDocumentStore, cosmos: CosmosDouble
) -> None:
    """While nobody listens every write fails, and what was acknowledged before and after is all there."""
    acknowledged = []
    for number in range(6):
        if number == 2:
            await cosmos.refuse_connections()
        if number == 4:
            await cosmos.accept_connections()
        try:
            await store.put(KIND, body(f"{number}"))
            acknowledged.append(f"{number}")
        except RetryableError:
            continue

    assert acknowledged == ["0", "1", "4", "5"]
    assert await stored(store) == acknowledged


async def test_an_account_that_is_not_there_is_unavailable() -> None:
    """Opening a store where nobody listens fails within its time and leaves nothing open."""
    async with CosmosDouble(FakeClock()) as double:
        endpoint = double.endpoint
    with pytest.raises(UnavailableError):
        await CosmosDocumentStore.open(
            endpoint, KEY, "x", FakeClock(), options=CosmosOptions(call_seconds=0.5)
        )


async def test_a_call_has_a_time_limit(cosmos: CosmosDouble) -> None:
    """A service that takes a request and says nothing is given up on."""
    async with cosmos_store(cosmos, FakeClock(), CosmosOptions(call_seconds=0.3)) as store:
        await store.put(KIND, body("a"))
        held = cosmos.faults.hold()
        with pytest.raises(UnavailableError):
            await store.get(KIND, TENANT, "a")
        held.release()


async def test_only_so_many_requests_are_under_way(cosmos: CosmosDouble) -> None:
    """More calls than the limit wait for their turn instead of burdening the service."""
    async with cosmos_store(cosmos, FakeClock(), CosmosOptions(concurrency=1)) as store:
        await store.get(KIND, TENANT, "warm")
        held = cosmos.faults.hold()
        cosmos.counters.reset()
        reads = [asyncio.create_task(store.get(KIND, TENANT, "a")) for _ in range(6)]
        await held.arrived.wait()
        under_way = cosmos.counters.requests["read"]
        held.release()
        await asyncio.gather(*reads)

    assert under_way == 1
    assert cosmos.counters.requests["read"] == 6


async def test_a_missing_container_is_a_mistake_of_ours(cosmos: CosmosDouble) -> None:
    """A database that nobody provisioned is told from a document that is not there."""
    store = await CosmosDocumentStore.open(cosmos.endpoint, KEY, "nowhere", FakeClock())
    try:
        with pytest.raises(ConfigurationError, match="provision"):
            await store.get(KIND, TENANT, "a")
    finally:
        await store.close()


async def test_a_closed_store_is_unavailable(store: CosmosDocumentStore) -> None:
    """Closing twice does no harm; using it afterwards is refused."""
    await store.close()
    await store.close()

    with pytest.raises(UnavailableError):
        await store.get(KIND, TENANT, "a")


async def test_many_documents_cost_few_requests(store: CosmosDocumentStore, cosmos: CosmosDouble) -> None:
    """A thousand writes are ten requests, and reading them, whole or in part, is one."""
    writes = many(1_000)
    await store.write_many(KIND, TENANT, writes)
    assert dict(cosmos.counters.requests) == {"batch": 10}
    cosmos.counters.reset()

    ids = [write.body["id"] for write in writes]
    found = await store.read_many(KIND, TENANT, ids, ("id",))

    assert len(found) == 1_000
    assert dict(cosmos.counters.requests) == {"query": 1}


async def test_writes_that_fail_cost_one_batch_and_one_read_more(
    store: CosmosDocumentStore, cosmos: CosmosDouble
) -> None:
    """However many of a hundred conditions don't hold, two batches and a look-up find it out."""
    await store.write_many(KIND, TENANT, many(50))
    cosmos.counters.reset()

    results = await store.write_many(KIND, TENANT, [*many(98, if_absent=True), Delete("x"), Delete("y")])

    assert [result.outcome for result in results] == [
        *(["exists"] * 50), *(["written"] * 48), "absent", "absent"
    ]  # fmt: skip
    assert dict(cosmos.counters.requests) == {"batch": 2, "query": 1}


async def test_large_documents_share_batches_by_their_size(
    store: CosmosDocumentStore, cosmos: CosmosDouble
) -> None:
    """Batches stay below the service's 2 MB, and documents near the limit go alone."""
    half = "x" * 900_000
    writes = [Put(body(f"{number}", text=half)) for number in range(5)]

    results = await store.write_many(KIND, TENANT, writes)

    assert {result.outcome for result in results} == {"written"}
    assert cosmos.counters.requests["batch"] == 3


async def test_a_batch_that_is_too_large_is_divided(store: CosmosDocumentStore, cosmos: CosmosDouble) -> None:
    """When the service refuses a batch for its size, its halves are sent, and everything is written."""
    cosmos.faults.fail(413, kind="batch")

    results = await store.write_many(KIND, TENANT, many(10))

    assert [result.outcome for result in results] == ["written"] * 10
    assert dict(cosmos.counters.requests) == {"batch": 3}
    assert len(await stored(store)) == 10


async def test_what_is_too_large_by_itself_is_told(store: CosmosDocumentStore, cosmos: CosmosDouble) -> None:
    """Dividing ends at single documents; each that the service still refuses has that as its outcome."""
    cosmos.faults.fail(413, kind="batch", times=100)

    results = await store.write_many(KIND, TENANT, many(10))

    assert [result.outcome for result in results] == ["too_large"] * 10
    assert await stored(store) == []


async def test_the_largest_documents_go_alone(store: CosmosDocumentStore) -> None:
    """A document of the full 2 MB is written among others, on condition too, although no batch holds it."""
    overhead = len(b'{"id":"a","tenantId":"t","text":""}')
    largest = body("a", text="x" * (MAX_DOCUMENT_BYTES - overhead))

    created = Put(largest, if_absent=True)
    first = await store.write_many(KIND, TENANT, [Put(body("b")), created, Put(body("c"))])
    replaced = Put(largest, if_match=first[1].etag)
    second = await store.write_many(KIND, TENANT, [created])
    third = await store.write_many(KIND, TENANT, [replaced])
    fourth = await store.write_many(KIND, TENANT, [replaced])

    assert [result.outcome for result in first] == ["written"] * 3
    assert [results[0].outcome for results in (second, third, fourth)] == ["exists", "written", "stale"]


async def test_a_meter_sums_what_was_charged(store: CosmosDocumentStore, cosmos: CosmosDouble) -> None:
    """Every request inside counts, those in tasks and refused ones too, and none outside."""
    await store.put(KIND, body("before"))
    cosmos.counters.reset()

    with metered() as outer:
        await asyncio.gather(store.get(KIND, TENANT, "a"), store.put(KIND, body("a")))
        with metered() as inner, pytest.raises(AlreadyExistsError):
            await store.put(KIND, body("a"), if_absent=True)
        await store.write_many(KIND, TENANT, many(3))
    charged = cosmos.counters.charged
    await store.get(KIND, TENANT, "a")

    assert outer.units == pytest.approx(charged)
    assert outer.requests == 4
    assert (inner.requests, inner.units > 0) == (1, True)


@pytest.mark.parametrize("etag", ["*", '"a","b"', "a\r\nx-ms-evil: 1", "é", " "])
async def test_an_etag_is_never_a_wildcard(store: CosmosDocumentStore, etag: str) -> None:
    """What a caller sends as an ETag matches one version or none, and adds no header."""
    await store.put(KIND, body("a"))

    with pytest.raises(StaleWriteError):
        await store.put(KIND, body("a"), if_match=etag)
    with pytest.raises(StaleWriteError):
        await store.delete(KIND, TENANT, "a", if_match=etag)
    results = await store.write_many(KIND, TENANT, [Put(body("a"), if_match=etag), Put(body("b"))])

    assert [result.outcome for result in results] == ["stale", "written"]
