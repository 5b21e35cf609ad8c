"""How every document store answers queries, one rule at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from shared.domain.errors import InvalidRequestError, UndeclaredQueryError
from shared.ports.documents import DocumentStore, Op, Put, Query, Scalar, Where
from tests.contract.document_reading import every, found_ids

pytest_plugins = ["tests.contract.document_backends"]

STATUS, NEXT = "status", "nextSyncAt"
MISSING = object()

VALUES: dict[str, Any] = {
    "missing": MISSING,
    "null": None,
    "false": False,
    "true": True,
    "minus": -1,
    "zero": 0,
    "one": 1,
    "one-and-a-half": 1.5,
    "ten": 10,
    "empty": "",
    "text-1": "1",
    "text-10": "10",
    "text-Z": "Z",
    "text-a": "a",
    "text-true": "true",
    "list": [1],
    "list-text": ["a"],
    "object": {"a": 1},
}
NUMBERS = ["minus", "zero", "one", "one-and-a-half", "ten"]
TEXTS = ["empty", "text-1", "text-10", "text-Z", "text-a", "text-true"]


async def store_values(store: DocumentStore, tenant: str, field: str, **fields: Any) -> None:
    """One integration for each of VALUES in a field; the id says which."""
    bodies = [
        {"id": name, "tenantId": tenant, **fields, **({} if value is MISSING else {field: value})}
        for name, value in VALUES.items()
    ]
    await store.write_many("integrations", (tenant,), [Put(body) for body in bodies])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, ["one"]),
        (1.0, ["one"]),
        (0, ["zero"]),
        (-0.0, ["zero"]),
        (1.5, ["one-and-a-half"]),
        (True, ["true"]),
        (False, ["false"]),
        ("1", ["text-1"]),
        ("", ["empty"]),
        ("true", ["text-true"]),
        ("z", []),
        ('["a"]', []),
        ("[1]", []),
        ('{"a":1}', []),
        ("null", []),
    ],
)
async def test_equality_is_strict_about_types(
    documents: DocumentStore, tenant: str, value: Scalar, expected: list[str]
) -> None:
    """A string, a number and a boolean never equal each other; 1 and 1.0 do."""
    await store_values(documents, tenant, STATUS)

    assert await found_ids(documents, "integrations", by_status(tenant, value)) == expected


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        (Op.LT, 1, ["minus", "zero"]),
        (Op.LE, 1, ["minus", "zero", "one"]),
        (Op.LE, 1.25, ["minus", "zero", "one"]),
        (Op.GT, 1, ["one-and-a-half", "ten"]),
        (Op.GE, 1.0, ["one", "one-and-a-half", "ten"]),
        (Op.GE, -1e300, NUMBERS),
        (Op.LE, 1e300, NUMBERS),
        (Op.LT, "a", ["empty", "text-1", "text-10", "text-Z"]),
        (Op.LE, "a", ["empty", "text-1", "text-10", "text-Z", "text-a"]),
        (Op.GT, "10", ["text-Z", "text-a", "text-true"]),
        (Op.GE, "", TEXTS),
        (Op.GT, "", TEXTS[1:]),
        (Op.LT, "", []),
        (Op.GE, "zzz", []),
    ],
)
async def test_ranges_stay_within_a_type(
    documents: DocumentStore, tenant: str, op: Op, value: Scalar, expected: list[str]
) -> None:
    """A range over numbers finds no string and the other way round, ordered by the field either way."""
    await store_values(documents, tenant, NEXT, status="x")
    query = Query((tenant,), (Where(STATUS, Op.EQ, "x"), Where(NEXT, op, value)), NEXT)

    assert await found_ids(documents, "integrations", query) == expected
    assert await found_ids(documents, "integrations", replace(query, descending=True)) == expected[::-1]


@pytest.mark.parametrize("descending", [False, True])
async def test_a_range_holds_on_every_page(
    documents: DocumentStore, tenant: str, *, descending: bool
) -> None:
    """Both ends of a range bind the last page as they do the first, in either direction."""
    writes = [Put({"id": f"{n:02}", "tenantId": tenant, STATUS: "x", NEXT: n // 2}) for n in range(20)]
    await documents.write_many("integrations", (tenant,), writes)
    where = (Where(STATUS, Op.EQ, "x"), Where(NEXT, Op.GE, 3), Where(NEXT, Op.LT, 7))

    found = await found_ids(
        documents, "integrations", Query((tenant,), where, NEXT, descending=descending, limit=3)
    )

    assert sorted(found) == [f"{number:02}" for number in range(6, 14)]
    assert [int(name) // 2 for name in found] == sorted([3, 3, 4, 4, 5, 5, 6, 6], reverse=descending)


async def test_the_order_leaves_out_what_has_none(documents: DocumentStore, tenant: str) -> None:
    """Only strings and numbers are ordered: each kind within itself, the others don't appear."""
    await store_values(documents, tenant, STATUS)

    found = await found_ids(documents, "integrations", Query((tenant,), order_by=STATUS))

    assert [name for name in found if name in NUMBERS] == NUMBERS
    assert [name for name in found if name in TEXTS] == TEXTS
    assert sorted(found) == sorted(NUMBERS + TEXTS)


async def test_strings_are_ordered_by_code_point(documents: DocumentStore, tenant: str) -> None:
    """Upper case before lower, accents after both, and U+FFFD before what UTF-16 writes as two."""
    names = ["A", "Z", "a", "aa", "b", "z", "é", "中", "\ufffd", "😀"]
    bodies = [{"id": name, "tenantId": tenant, STATUS: name} for name in reversed(names)]
    await documents.write_many("integrations", (tenant,), [Put(body) for body in bodies])

    assert await found_ids(documents, "integrations", Query((tenant,), order_by=STATUS)) == names
    assert await found_ids(documents, "integrations", Query((tenant,))) == names


async def test_contradictions_match_nothing(documents: DocumentStore, tenant: str) -> None:
    """Conditions on one field must all hold, and no value has two types or two values."""
    await store_values(documents, tenant, STATUS)

    for first, second in [
        (Where(STATUS, Op.EQ, 1), Where(STATUS, Op.EQ, "1")),
        (Where(STATUS, Op.EQ, 1), Where(STATUS, Op.EQ, 10)),
        (Where(STATUS, Op.EQ, 1), Where(STATUS, Op.GT, 1)),
        (Where(STATUS, Op.EQ, 1), Where(STATUS, Op.LT, "1")),
        (Where(STATUS, Op.GE, 0), Where(STATUS, Op.LE, "z")),
        (Where(STATUS, Op.GT, "b"), Where(STATUS, Op.LT, "a")),
    ]:
        assert await found_ids(documents, "integrations", Query((tenant,), (first, second), STATUS)) == []


async def test_a_fixed_field_may_be_the_order(documents: DocumentStore, tenant: str) -> None:
    """Ordering by a field with an equality finds the same, but no boolean."""
    await store_values(documents, tenant, STATUS)

    cases: list[tuple[Scalar, list[str]]] = [(1, ["one"]), ("a", ["text-a"]), (True, [])]
    for value, expected in cases:
        query = replace(by_status(tenant, value), order_by=STATUS)
        assert await found_ids(documents, "integrations", query) == expected


async def test_conditions_come_in_any_order(documents: DocumentStore, tenant: str) -> None:
    """Equalities on an index's first fields are a set, and both ends of a range may be given."""
    for number in range(6):
        body = {
            "id": f"{number}",
            "tenantId": tenant,
            "integrationId": "i",
            "status": "open",
            "createdAt": number,
        }
        await documents.put("sync-conflicts", body)
    conditions = [
        Where("createdAt", Op.LE, 4),
        Where("status", Op.EQ, "open"),
        Where("createdAt", Op.GT, 1),
        Where("integrationId", Op.EQ, "i"),
    ]

    for where in (tuple(conditions), tuple(reversed(conditions))):
        query = Query((tenant,), where, "createdAt", descending=True)
        assert await found_ids(documents, "sync-conflicts", query) == ["4", "3", "2"]


async def test_ids_have_ranges(documents: DocumentStore, tenant: str) -> None:
    """The id is a field as well, always there and always a string."""
    bodies = [{"id": name, "tenantId": tenant} for name in ("10", "9", "a", "b")]
    await documents.write_many("tenants", (tenant,), [Put(body) for body in bodies])

    def ids(*where: Where) -> Query:
        return Query((tenant,), where)

    assert await found_ids(documents, "tenants", ids(Where("id", Op.GT, "10"), Where("id", Op.LT, "b"))) == [
        "9",
        "a",
    ]
    assert await found_ids(documents, "tenants", ids(Where("id", Op.EQ, "a"))) == ["a"]
    assert await found_ids(documents, "tenants", ids(Where("id", Op.EQ, 10))) == []
    assert await found_ids(documents, "tenants", ids(Where("id", Op.GE, 0))) == []


async def test_a_prefix_spans_its_partitions(documents: DocumentStore, tenant: str) -> None:
    """A query by the first level finds every partition below it, in one order, and no other tenant's."""
    months = ["2026-01", "2026-02", "2026-03"]
    for number in range(9):
        body = {"tenantId": tenant, "month": months[number % 3], "createdAt": f"2026-{number}"}
        await documents.put("audit-log", {"id": f"{8 - number}", **body})
        await documents.put("audit-log", {"id": "other", **body, "tenantId": f"{tenant}{number}"})

    by_id = Query((tenant,), limit=2)
    by_time = Query((tenant,), (Where("createdAt", Op.GE, "2026-3"),), "createdAt", limit=2)
    one_month = Query((tenant, months[1]), order_by="createdAt", descending=True)

    assert await found_ids(documents, "audit-log", by_id) == [str(number) for number in range(9)]
    assert await found_ids(documents, "audit-log", by_time) == ["5", "4", "3", "2", "1", "0"]
    assert await found_ids(documents, "audit-log", one_month) == ["1", "4", "7"]


async def test_equal_ids_of_a_prefix_all_appear(documents: DocumentStore, tenant: str) -> None:
    """Documents that share their id across partitions are told apart, page by page."""
    for number in range(7):
        await documents.put("shards", {"id": "same", "tenantId": tenant, "shardTypeId": f"k{number}"})

    found = await every(documents, "shards", Query((tenant,), limit=2))

    assert sorted(document.body["shardTypeId"] for document in found) == [f"k{number}" for number in range(7)]


async def test_a_sweep_looks_at_every_tenant(documents: DocumentStore, tenant: str) -> None:
    """A system sweep needs no partition, and finds what is due across tenants in order."""
    due = f"due-{tenant}"
    for number in range(5):
        body = {"id": "i", "tenantId": f"{tenant}-{number % 3}", STATUS: due, NEXT: 10 - number}
        await documents.put("integrations", {**body, "id": f"i{number}"})
    query = Query((), (Where(STATUS, Op.EQ, due), Where(NEXT, Op.LE, 9)), NEXT, limit=2, sweep=True)

    assert await found_ids(documents, "integrations", query) == ["i4", "i3", "i2", "i1"]
    narrowed = replace(query, partition=(f"{tenant}-1",))
    assert await found_ids(documents, "integrations", narrowed) == ["i4", "i1"]


async def test_a_query_names_its_partition(documents: DocumentStore) -> None:
    """Without a partition a query is refused, unless it says that it is a sweep."""
    with pytest.raises(UndeclaredQueryError, match="partition"):
        await documents.query("integrations", Query(()))


@pytest.mark.parametrize("partition", [("t", "k", "x"), ("",), ("t", "a/b")])
async def test_a_wrong_partition_is_refused(documents: DocumentStore, partition: tuple[str, ...]) -> None:
    """More values than the container has levels, or values that can't be, are the caller's mistake."""
    with pytest.raises(InvalidRequestError):
        await documents.query("shards", Query(partition))


@pytest.mark.parametrize(
    ("query", "named"),
    [
        (Query(("t",), (Where("name", Op.EQ, "x"),)), "'name'"),
        (Query(("t",), order_by="name"), "'name'"),
        (Query(("t",), (Where(NEXT, Op.EQ, 1),)), "'nextSyncAt'"),
        (Query(("t",), (Where("providerId", Op.EQ, "x"),), "createdAt"), "'providerId', 'createdAt'"),
        (Query(("t",), (Where(STATUS, Op.GT, "a"),)), "only one field"),
        (Query(("t",), (Where(STATUS, Op.EQ, "a"), Where("id", Op.GT, "a"))), "'status', 'id'"),
    ],
)
async def test_an_undeclared_query_is_refused(documents: DocumentStore, query: Query, named: str) -> None:
    """A query that no index serves fails at once, and the error names the index to declare."""
    with pytest.raises(UndeclaredQueryError) as caught:
        await documents.query("integrations", query)

    assert named.lower() in str(caught.value).lower()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**64, "a\x00b", "\ud800", None, ["a"]])
async def test_a_value_must_be_comparable(documents: DocumentStore, tenant: str, value: Any) -> None:
    """Conditions compare with strings, finite numbers and booleans."""
    with pytest.raises(InvalidRequestError):
        await documents.query("integrations", by_status(tenant, value))


async def test_found_documents_are_whole(documents: DocumentStore, tenant: str) -> None:
    """A query returns bodies and ETags exactly as get does."""
    body = {"id": "a", "tenantId": tenant, "n": 1.0, "deep": {"list": [None, True, {"x": "é"}]}}
    await documents.put("tenants", body)

    (found,) = await every(documents, "tenants", Query((tenant,)))

    assert found == await documents.get("tenants", (tenant,), "a")
    assert orjson.dumps(found.body) == orjson.dumps(body)


def by_status(tenant: str, value: Scalar) -> Query:
    return Query((tenant,), (Where(STATUS, Op.EQ, value),))
