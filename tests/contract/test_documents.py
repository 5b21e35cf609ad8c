"""What every document store does with single documents."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.domain.errors import (
    AlreadyExistsError,
    ConfigurationError,
    DocumentTooLargeError,
    InvalidRequestError,
    StaleWriteError,
)
from shared.ports.documents import MAX_DOCUMENT_BYTES, DocumentStore, JsonObject, Query
from tests.contract.document_reading import found_ids

pytest_plugins = ["tests.contract.document_backends"]

BAD_IDENTIFIERS = ["", "a/b", "a\\b", "a?b", "a#b", "a\x00b", "\ud800", "x" * 256, None, 7, True]


def connection(tenant: str, document_id: str = "c1", **fields: Any) -> JsonObject:
    return {"id": document_id, "tenantId": tenant, **fields}


async def test_a_document_reads_back(documents: DocumentStore, tenant: str) -> None:
    """Every JSON type comes back as it was written, under the ETag that the write returned."""
    body = connection(
        tenant,
        text='é "quoted" \\ \n\x00 😀',
        whole=2**53,
        negative=-1,
        fraction=0.1,
        tiny=5e-324,
        flags=[True, False, None],
        nested={"a": {"b": []}, "": 1, "$ref": 2, "a.b": 3},
    )

    etag = await documents.put("connections", body)
    found = await documents.get("connections", (tenant,), "c1")

    assert found is not None
    assert (found.body, found.etag) == (body, etag)
    assert [type(value) for value in found.body.values()] == [type(value) for value in body.values()]


async def test_what_was_never_written_is_none(documents: DocumentStore, tenant: str) -> None:
    """Another id, another partition and another container are all other documents."""
    await documents.put("connections", connection(tenant))

    assert await documents.get("connections", (tenant,), "c2") is None
    assert await documents.get("connections", (f"{tenant}x",), "c1") is None
    assert await documents.get("integrations", (tenant,), "c1") is None


async def test_both_levels_of_a_partition_count(documents: DocumentStore, tenant: str) -> None:
    """The same id in two partitions of one tenant is two documents."""
    for kind in ("contact", "account"):
        await documents.put("shards", {"id": "s", "tenantId": tenant, "shardTypeId": kind, "kind": kind})

    found = await documents.get("shards", (tenant, "account"), "s")

    assert found is not None
    assert found.body["kind"] == "account"


async def test_a_returned_body_is_the_callers(documents: DocumentStore, tenant: str) -> None:
    """Changing a body after a write or a read changes nothing stored."""
    body = connection(tenant, list=[1])
    await documents.put("connections", body)
    body["list"].append(2)
    first = await documents.get("connections", (tenant,), "c1")
    assert first is not None
    first.body["list"].append(3)

    again = await documents.get("connections", (tenant,), "c1")

    assert again is not None
    assert again.body["list"] == [1]


async def test_a_write_replaces_the_whole_document(documents: DocumentStore, tenant: str) -> None:
    """Fields of the version before are gone, and the ETag is new even if nothing changed."""
    etags = [
        await documents.put("connections", connection(tenant, old=1)),
        await documents.put("connections", connection(tenant, new=2)),
        await documents.put("connections", connection(tenant, new=2)),
    ]

    found = await documents.get("connections", (tenant,), "c1")

    assert found is not None
    assert (found.body, found.etag) == (connection(tenant, new=2), etags[-1])
    assert len(set(etags)) == 3


async def test_if_match_guards_a_version(documents: DocumentStore, tenant: str) -> None:
    """Only the holder of the current ETag writes; a stale, foreign or gone version is refused."""
    first = await documents.put("connections", connection(tenant, n=1))
    second = await documents.put("connections", connection(tenant, n=2), if_match=first)

    for etag in (first, "", "no etag", f"{second}0"):
        with pytest.raises(StaleWriteError):
            await documents.put("connections", connection(tenant, n=3), if_match=etag)
    with pytest.raises(StaleWriteError):
        await documents.put("connections", connection(tenant, "gone"), if_match=second)

    found = await documents.get("connections", (tenant,), "c1")
    assert found is not None
    assert found.body["n"] == 2
    assert await documents.get("connections", (tenant,), "gone") is None


async def test_a_recreated_document_has_no_old_version(documents: DocumentStore, tenant: str) -> None:
    """The ETag of a deleted document does not match the one that took its id."""
    old = await documents.put("connections", connection(tenant))
    await documents.delete("connections", (tenant,), "c1")
    new = await documents.put("connections", connection(tenant))

    with pytest.raises(StaleWriteError):
        await documents.put("connections", connection(tenant), if_match=old)
    assert new != old


async def test_if_absent_writes_only_what_is_new(documents: DocumentStore, tenant: str) -> None:
    """A taken id is refused and left alone; after a delete it is free again."""
    await documents.put("connections", connection(tenant, n=1), if_absent=True)

    with pytest.raises(AlreadyExistsError):
        await documents.put("connections", connection(tenant, n=2), if_absent=True)

    found = await documents.get("connections", (tenant,), "c1")
    assert found is not None
    assert found.body["n"] == 1
    await documents.delete("connections", (tenant,), "c1")
    await documents.put("connections", connection(tenant, n=3), if_absent=True)


async def test_one_of_many_creators_wins(documents: DocumentStore, tenant: str) -> None:
    """Of writers that race for one id with if_absent, exactly one succeeds."""
    results = await asyncio.gather(
        *(documents.put("connections", connection(tenant, n=n), if_absent=True) for n in range(8)),
        return_exceptions=True,
    )

    assert sum(isinstance(result, str) for result in results) == 1
    assert sum(isinstance(result, AlreadyExistsError) for result in results) == 7


async def test_racing_increments_all_count(documents: DocumentStore, tenant: str) -> None:
    """Read, change, write with if_match, and try again when stale: no increment is lost."""
    await documents.put("connections", connection(tenant, n=0))

    async def increment() -> None:
        while True:
            found = await documents.get("connections", (tenant,), "c1")
            assert found is not None
            try:
                found.body["n"] += 1
                await documents.put("connections", found.body, if_match=found.etag)
            except StaleWriteError:
                continue
            return

    await asyncio.gather(*(increment() for _ in range(6)))

    found = await documents.get("connections", (tenant,), "c1")
    assert found is not None
    assert found.body["n"] == 6


async def test_delete_says_whether_it_was_there(documents: DocumentStore, tenant: str) -> None:
    """Removing a document returns True, removing nothing False."""
    await documents.put("connections", connection(tenant))

    assert await documents.delete("connections", (tenant,), "c1")
    assert not await documents.delete("connections", (tenant,), "c1")
    assert await documents.get("connections", (tenant,), "c1") is None


async def test_delete_guards_a_version(documents: DocumentStore, tenant: str) -> None:
    """With if_match only that version is removed; removing what is gone still succeeds."""
    first = await documents.put("connections", connection(tenant))
    second = await documents.put("connections", connection(tenant))

    with pytest.raises(StaleWriteError):
        await documents.delete("connections", (tenant,), "c1", if_match=first)
    assert await documents.delete("connections", (tenant,), "c1", if_match=second)
    assert not await documents.delete("connections", (tenant,), "c1", if_match=second)


@pytest.mark.parametrize("bad", BAD_IDENTIFIERS)
async def test_a_bad_id_is_refused(documents: DocumentStore, tenant: str, bad: Any) -> None:
    """No document gets an id that some backend can't hold, and the error names the field."""
    with pytest.raises(InvalidRequestError) as caught:
        await documents.put("connections", {"id": bad, "tenantId": tenant})

    assert [problem.field for problem in caught.value.problems] == ["id"]
    assert await found_ids(documents, "connections", Query((tenant,))) == []


@pytest.mark.parametrize("bad", BAD_IDENTIFIERS)
async def test_a_bad_partition_field_is_refused(documents: DocumentStore, tenant: str, bad: Any) -> None:
    """The same holds for every partition field."""
    with pytest.raises(InvalidRequestError) as caught:
        await documents.put("shards", {"id": "s", "tenantId": tenant, "shardTypeId": bad})

    assert [problem.field for problem in caught.value.problems] == ["shardTypeId"]


async def test_missing_key_fields_are_refused(documents: DocumentStore, tenant: str) -> None:
    """A body without its id or a partition field is refused."""
    with pytest.raises(InvalidRequestError):
        await documents.put("shards", {"tenantId": tenant, "shardTypeId": "contact"})
    with pytest.raises(InvalidRequestError):
        await documents.put("shards", {"id": "s", "shardTypeId": "contact"})


async def test_unusual_identifiers_are_good(documents: DocumentStore, tenant: str) -> None:
    """255 characters, spaces, quotes, percent signs, other scripts and emoji all name documents."""
    ids = ["x" * 255, "é" * 255, "a b", "a'b", 'a"b', "%2F", "*", "_", "😀", "a.b", "$.a", "ünï", "0"]

    for document_id in ids:
        await documents.put("shards", {"id": document_id, "tenantId": tenant, "shardTypeId": ids[3]})

    assert set(await documents.read_many("shards", (tenant, ids[3]), ids)) == set(ids)
    assert sorted(await found_ids(documents, "shards", Query((tenant, ids[3])))) == sorted(ids)


@pytest.mark.parametrize("bad", ["", "a/b", "a#b", "a\x00b", "\ud800", "x" * 256])
async def test_an_impossible_id_is_not_there(documents: DocumentStore, tenant: str, bad: str) -> None:
    """Looking up or deleting an id that no document can have finds nothing, whatever surrounds it."""
    await documents.put("connections", connection(tenant, "a"))

    assert await documents.get("connections", (tenant,), bad) is None
    assert set(await documents.read_many("connections", (tenant,), [bad, "a"])) == {"a"}
    assert not await documents.delete("connections", (tenant,), bad)


@pytest.mark.parametrize("partition", [(), ("t",), ("t", "k", "x"), ("t", ""), ("t", "a/b")])
async def test_a_wrong_partition_is_refused(documents: DocumentStore, partition: tuple[str, ...]) -> None:
    """Look-ups and writes name the whole partition, with values that can be."""
    with pytest.raises(InvalidRequestError):
        await documents.get("shards", partition, "s")
    with pytest.raises(InvalidRequestError):
        await documents.read_many("shards", partition, [])
    with pytest.raises(InvalidRequestError):
        await documents.delete("shards", partition, "s")
    with pytest.raises(InvalidRequestError):
        await documents.write_many("shards", partition, [])


async def test_an_undeclared_container_is_a_mistake_of_ours(documents: DocumentStore, tenant: str) -> None:
    """Every method refuses a container that is not declared."""
    attempts = [
        documents.get("nowhere", (tenant,), "x"),
        documents.read_many("nowhere", (tenant,), []),
        documents.put("nowhere", connection(tenant)),
        documents.delete("nowhere", (tenant,), "x"),
        documents.write_many("nowhere", (tenant,), []),
        documents.query("nowhere", Query((tenant,))),
    ]

    for attempt in attempts:
        with pytest.raises(ConfigurationError, match="nowhere"):
            await attempt


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), [{"a": -float("inf")}], {1: 2}, {"a": {None: 1}}, {1, 2}, "\udfff", b"x"],
)
async def test_what_json_cannot_say_is_refused(documents: DocumentStore, tenant: str, value: Any) -> None:
    """NaN, infinities, keys that aren't strings, sets, bytes and lone surrogates are never stored."""
    with pytest.raises(InvalidRequestError):
        await documents.put("connections", connection(tenant, value=value, nothing=None))

    assert await documents.get("connections", (tenant,), "c1") is None


async def test_the_size_limit_is_exact(documents: DocumentStore, tenant: str) -> None:
    """A document of MAX_DOCUMENT_BYTES bytes of UTF-8 is stored, one byte more is refused."""
    overhead = len(f'{{"id":"c1","tenantId":"{tenant}","text":"é"}}'.encode())
    largest = connection(tenant, text="é" + "x" * (MAX_DOCUMENT_BYTES - overhead))

    await documents.put("connections", largest)

    found = await documents.get("connections", (tenant,), "c1")
    assert found is not None
    assert found.body == largest
    with pytest.raises(DocumentTooLargeError):
        await documents.put("connections", {**largest, "text": largest["text"] + "x"})
