"""What every document store does with many documents at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.errors import InvalidRequestError
from shared.ports.documents import (
    MAX_DOCUMENT_BYTES,
    Delete,
    DocumentStore,
    JsonObject,
    Put,
    Query,
    Write,
    WriteResult,
)
from tests.contract.document_reading import every, found_ids, new_tenant

pytest_plugins = ["tests.contract.document_backends"]


def connection(tenant: str, document_id: str, **fields: Any) -> JsonObject:
    return {"id": document_id, "tenantId": tenant, **fields}


async def test_many_documents_read_back(documents: DocumentStore, tenant: str) -> None:
    """More documents than any backend takes in one request are written, in order, and read by id."""
    writes = [Put(connection(tenant, f"c{number}", n=number)) for number in range(1_234)]

    results = await documents.write_many("connections", (tenant,), writes)
    found = await documents.read_many("connections", (tenant,), [write.body["id"] for write in writes])

    assert [result.id for result in results] == [write.body["id"] for write in writes]
    assert {result.outcome for result in results} == {"written"}
    assert {key: value.body for key, value in found.items()} == {w.body["id"]: w.body for w in writes}
    assert {key: value.etag for key, value in found.items()} == {r.id: r.etag for r in results}
    assert len({result.etag for result in results}) == len(writes)


async def test_read_many_returns_what_exists(documents: DocumentStore, tenant: str) -> None:
    """Missing ids are left out, repeated ones come once, other partitions stay out, no ids is no work."""
    await documents.put("connections", connection(tenant, "a"))
    await documents.put("connections", connection(f"{tenant}x", "b"))

    assert set(await documents.read_many("connections", (tenant,), ["a", "b", "c", "a"])) == {"a"}
    assert dict(await documents.read_many("connections", (tenant,), [])) == {}


async def test_read_many_gives_the_fields_that_are_asked_for(documents: DocumentStore, tenant: str) -> None:
    """A projection holds the named fields alone, None for one that is missing, under the document's ETag."""
    etag = await documents.put("connections", connection(tenant, "a", n={"deep": [1, "é"]}, text="no"))
    await documents.put("connections", connection(tenant, "b\"'"))

    found = await documents.read_many("connections", (tenant,), ["a", "b\"'", "c"], ("n", "flag"))

    assert {key: value.body for key, value in found.items()} == {
        "a": {"n": {"deep": [1, "é"]}, "flag": None},
        "b\"'": {"n": None, "flag": None},
    }
    assert found["a"].etag == etag


async def test_no_writes_is_no_work(documents: DocumentStore, tenant: str) -> None:
    """An empty batch has an empty result."""
    assert list(await documents.write_many("connections", (tenant,), [])) == []


async def test_every_write_has_its_own_outcome(documents: DocumentStore, tenant: str) -> None:
    """Writes that fail leave the others standing, and each result says what became of its write."""
    etag = await documents.put("connections", connection(tenant, "a"))
    huge = "x" * MAX_DOCUMENT_BYTES

    results = await documents.write_many(
        "connections",
        (tenant,),
        [
            Put(connection(tenant, "new"), if_absent=True),
            Put(connection(tenant, "a"), if_absent=True),
            Put(connection(tenant, "a"), if_match="stale"),
            Put(connection(tenant, "gone"), if_match=etag),
            Put(connection(tenant, "huge", text=huge)),
            Delete("a", if_match="stale"),
            Delete("gone"),
            Put(connection(tenant, "a", n=2), if_match=etag),
            Delete("new"),
            Put(connection(tenant, "plain")),
        ],
    )

    assert [(result.id, result.outcome) for result in results] == [
        ("new", "written"),
        ("a", "exists"),
        ("a", "stale"),
        ("gone", "stale"),
        ("huge", "too_large"),
        ("a", "stale"),
        ("gone", "absent"),
        ("a", "written"),
        ("new", "deleted"),
        ("plain", "written"),
    ]
    assert [result.etag is not None for result in results] == [r.outcome == "written" for r in results]
    assert await found_ids(documents, "connections", Query((tenant,))) == ["a", "plain"]


async def test_writes_of_one_id_follow_each_other(documents: DocumentStore, tenant: str) -> None:
    """The last of several writes of one id in one call is what stays, whatever their kinds."""
    results = await documents.write_many(
        "connections",
        (tenant,),
        [
            Put(connection(tenant, "a", n=1)),
            Put(connection(tenant, "a", n=2)),
            Delete("b"),
            Put(connection(tenant, "b", n=1)),
            Delete("b"),
            Put(connection(tenant, "b", n=2), if_absent=True),
        ],
    )

    found = await documents.read_many("connections", (tenant,), ["a", "b"])
    assert {key: value.body["n"] for key, value in found.items()} == {"a": 2, "b": 2}
    assert [found["a"].etag, found["b"].etag] == [results[1].etag, results[5].etag]


@pytest.mark.parametrize(
    "bad",
    [
        Put({"id": "x", "tenantId": "another"}),
        Put({"id": "x"}),
        Put({"id": "a/b", "tenantId": "{tenant}"}),
        Put({"tenantId": "{tenant}"}),
        Put({"id": "x", "tenantId": "{tenant}", "n": float("nan")}),
        Delete("a/b"),
        Delete(""),
    ],
)
async def test_one_invalid_write_stops_all(documents: DocumentStore, tenant: str, bad: Write) -> None:
    """A batch with a body of another partition, a bad id or no JSON is refused before anything is written."""
    if isinstance(bad, Put) and bad.body.get("tenantId") == "{tenant}":
        bad = Put({**bad.body, "tenantId": tenant})

    with pytest.raises(InvalidRequestError):
        await documents.write_many("connections", (tenant,), [Put(connection(tenant, "good")), bad])

    assert await found_ids(documents, "connections", Query((tenant,))) == []


@dataclass
class Model:
    """What a partition must hold after a sequence of writes, with stand-ins for ETags."""

    bodies: dict[str, JsonObject] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)

    def expect(self, write: Write, etag: str) -> str:
        """Apply one write as the port's text says, and return its outcome."""
        document_id = write.id if isinstance(write, Delete) else write.body["id"]
        stored = self.etags.get(document_id)
        if isinstance(write, Delete):
            if stored is None:
                return "absent"
            if write.if_match not in {None, stored}:
                return "stale"
            del self.bodies[document_id], self.etags[document_id]
            return "deleted"
        if write.if_absent and stored is not None:
            return "exists"
        if write.if_match is not None and write.if_match != stored:
            return "stale"
        self.bodies[document_id], self.etags[document_id] = write.body, etag
        return "written"

    def learn(self, results: list[WriteResult]) -> None:
        """Replace the stand-ins of a batch by the ETags that the store gave."""
        for document_id, etag in self.etags.items():
            if etag.startswith("stand-in "):
                real = results[int(etag.removeprefix("stand-in "))].etag
                assert real is not None
                self.etags[document_id] = real


IDS = st.sampled_from(["a", "b", "c"])
STEPS = st.tuples(st.sampled_from(["put", "create", "replace", "delete", "remove"]), IDS, st.booleans())
SEVERAL = st.lists(STEPS, max_size=8)
MANY = st.lists(
    st.tuples(
        st.sampled_from(["put", "create", "create", "replace"]),
        st.sampled_from("abcdefghijklmnop"),
        st.sampled_from([True, True, True, True, False]),
    ),
    min_size=9,
    max_size=16,
    unique_by=lambda step: step[1],
)
"""Each document once, and most writes right: what a sync writes."""


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(SEVERAL | MANY, max_size=4))
async def test_batches_behave_as_a_dictionary(
    documents: DocumentStore, batches: list[list[tuple[str, str, bool]]]
) -> None:
    """Any sequence of conditional and plain writes has the outcomes and the end that a dictionary has."""
    tenant, model, version = new_tenant(), Model(), 0
    for batch in batches:
        writes: list[Write] = []
        for kind, document_id, current in batch:
            version += 1
            body = connection(tenant, document_id, version=version)
            etag = model.etags.get(document_id, "none") if current else "0"
            choices: dict[str, Write] = {
                "put": Put(body),
                "create": Put(body, if_absent=True),
                "replace": Put(body, if_match=etag),
                "delete": Delete(document_id),
                "remove": Delete(document_id, if_match=etag),
            }
            writes.append(choices[kind])
        expected = [model.expect(write, f"stand-in {place}") for place, write in enumerate(writes)]

        results = list(await documents.write_many("connections", (tenant,), writes))

        assert [result.outcome for result in results] == expected
        model.learn(results)
    found = await every(documents, "connections", Query((tenant,)))
    assert {document.body["id"]: document.body for document in found} == model.bodies
    assert {document.body["id"]: document.etag for document in found} == model.etags
