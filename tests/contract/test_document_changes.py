"""The stream of changes of every document store."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.errors import InvalidRequestError, UndeclaredQueryError
from shared.ports.documents import Delete, Document, DocumentStore, JsonObject, Put
from tests.contract.document_reading import new_tenant
from tests.fakes.clock import FakeClock

pytest_plugins = ["tests.contract.document_backends"]


def shard(tenant: str, document_id: str, kind: str = "k", **fields: Any) -> JsonObject:
    return {"id": document_id, "tenantId": tenant, "shardTypeId": kind, **fields}


async def follow(
    store: DocumentStore, tenant: str, since: str | None = None, limit: int = 2
) -> tuple[list[Document], str]:
    """Follow a tenant's shards until nothing more comes; return them, and where that was."""
    found: list[Document] = []
    while True:
        changes = await store.changes("shards", (tenant,), since, limit)
        since = changes.following
        found += changes.items
        if not changes.items:
            return found, since


async def test_documents_come_in_the_order_of_their_last_writes(
    documents: DocumentStore, tenant: str
) -> None:
    """A document that is written again moves to the end; another tenant's never come; all types do."""
    for key, kind in (("a", "k"), ("b", "l"), ("c", "k"), ("d", "k")):
        await documents.put("shards", shard(tenant, key, kind))
    await documents.put("shards", shard(f"{tenant}x", "stranger"))
    etag = await documents.put("shards", shard(tenant, "b", "l", n=2))

    found, _ = await follow(documents, tenant)

    assert [document.body["id"] for document in found] == ["a", "c", "d", "b"]
    assert (found[-1].body["n"], found[-1].etag) == (2, etag)


async def test_the_stream_goes_on_where_it_was_left(documents: DocumentStore, tenant: str) -> None:
    """From a place come the writes after it, and none before; a place at the end stays good."""
    await documents.put("shards", shard(tenant, "a"))
    _, place = await follow(documents, tenant)
    await documents.write_many(
        "shards", (tenant, "k"), [Put(shard(tenant, f"n{number:02}")) for number in range(20)]
    )

    found, _ = await follow(documents, tenant, place, limit=7)

    assert sorted(document.body["id"] for document in found) == [f"n{number:02}" for number in range(20)]


async def test_one_partition_can_be_followed_alone(documents: DocumentStore, tenant: str) -> None:
    """The whole partition key narrows the stream to its partition."""
    await documents.put("shards", shard(tenant, "a", "k"))
    await documents.put("shards", shard(tenant, "b", "l"))

    changes = await documents.changes("shards", (tenant, "l"))

    assert [document.body["id"] for document in changes.items] == ["b"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["put", "delete", "read"])), max_size=30
    ),
    limit=st.integers(1, 4),
)
async def test_nobody_who_follows_misses_a_last_version(
    documents: DocumentStore, steps: list[tuple[str, str]], limit: int
) -> None:
    """Whenever the follower reads between writes, in the end it has seen the last version of each."""
    tenant, since = new_tenant(), None
    seen: dict[str, JsonObject] = {}
    stored: dict[str, JsonObject] = {}
    for version, (key, kind) in enumerate(steps):
        if kind == "put":
            stored[key] = shard(tenant, key, version=version)
            await documents.put("shards", stored[key])
        elif kind == "delete":
            stored.pop(key, None)
            await documents.write_many("shards", (tenant, "k"), [Delete(key)])
        else:
            changes = await documents.changes("shards", (tenant,), since, limit)
            since = changes.following
            seen |= {document.body["id"]: document.body for document in changes.items}
    rest, _ = await follow(documents, tenant, since, limit)
    seen |= {document.body["id"]: document.body for document in rest}

    assert {key: seen.get(key) for key in stored} == stored


async def test_the_expired_do_not_come(
    documents: DocumentStore, document_clock: FakeClock, tenant: str
) -> None:
    """What has expired is no change."""
    await documents.put("alerts", {"id": "a", "tenantId": tenant, "ttl": 10})
    document_clock.advance(10)

    assert (await documents.changes("alerts", (tenant,))).items == ()


@pytest.mark.parametrize("since", ["", "nonsense", "bnVsbA==", "W10=", "é"])
async def test_a_mangled_place_is_refused(documents: DocumentStore, tenant: str, since: str) -> None:
    """Only a place of this stream is taken."""
    with pytest.raises(InvalidRequestError):
        await documents.changes("shards", (tenant,), since)


async def test_a_place_of_another_stream_is_refused(documents: DocumentStore, tenant: str) -> None:
    """A place belongs to its container and partition."""
    place = (await documents.changes("shards", (f"{tenant}x",))).following

    with pytest.raises(InvalidRequestError):
        await documents.changes("shards", (tenant,), place)


@pytest.mark.parametrize("limit", [0, 1001])
async def test_the_limit_is_bounded(documents: DocumentStore, tenant: str, limit: int) -> None:
    """One to a thousand at once."""
    with pytest.raises(InvalidRequestError):
        await documents.changes("shards", (tenant,), None, limit)


async def test_changes_name_a_partition(documents: DocumentStore) -> None:
    """Nobody follows all tenants at once."""
    with pytest.raises(UndeclaredQueryError):
        await documents.changes("shards", ())
