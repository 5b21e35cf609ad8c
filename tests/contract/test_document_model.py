"""Every query that a declared index serves, against a plain list in Python."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.containers import CONTAINERS, Container
from shared.ports.documents import Delete, DocumentStore, JsonObject, Op, Partition, Put, Query, Scalar, Where
from tests.contract.document_reading import every, new_tenant, pages

pytest_plugins = ["tests.contract.document_backends"]

SCALARS: list[Scalar] = [
    "", "1", "10", "Z", "a", "ab", "b", "true", "é", -1, 0, 1, 1.0, 1.5, 10, 2**53, 1e300, 5e-324, True, False
]  # fmt: skip
FIELD_VALUES = st.one_of(
    st.sampled_from(SCALARS),
    st.sampled_from([None, [], ["a"], [1], {}, {"a": 1}]),
    st.text(st.characters(max_codepoint=0xD7FF, min_codepoint=1), max_size=3),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
)
# What is easily confused, or lies close together.
FAMILIES: list[list[Any]] = [
    [1, 1.0, True, "1", [1]],
    [0, False, "", None],
    [0, "0", 1, "1"],
    ["a", "ab", "b", "B"],
    [-1, 0, 0.5, 1, 2],
]
INDEXED = [c for c in CONTAINERS.values() if c.partition_key[0] == "tenantId" and c.indexes]
RANGES = (Op.LT, Op.LE, Op.GT, Op.GE)
RARELY = st.sampled_from([False, False, False, True])


@dataclass(frozen=True)
class Case:
    """A container, bodies without a tenant (0 and 1 stand for two), and a query with partition levels."""

    container: Container
    bodies: list[JsonObject]
    query: Query
    levels: int


def kind(value: Any) -> str:
    """The JSON type of a scalar; 1 and True are equal in Python only."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "none"


def holds(where: Where, body: JsonObject) -> bool:
    value = body.get(where.field)
    if kind(value) != kind(where.value):
        return False
    equal, less = bool(value == where.value), bool(value < where.value)  # type: ignore[operator]  # one kind
    return {
        Op.EQ: equal,
        Op.LT: less,
        Op.LE: less or equal,
        Op.GT: not less and not equal,
        Op.GE: not less,
    }[where.op]


def expected(bodies: list[JsonObject], query: Query, partition: dict[str, str]) -> list[JsonObject]:
    """What the port's text says that a query finds, in no order."""
    return [
        body
        for body in bodies
        if all(body[field] == value for field, value in partition.items())
        and all(holds(where, body) for where in query.where)
        and kind(body.get(query.order_by)) in {"string", "number"}
    ]


def rank(body: JsonObject, order_by: str) -> tuple[str, Any]:
    """A sort key that keeps numbers and strings apart."""
    return kind(body[order_by]), body[order_by]


@st.composite
def queries(draw: st.DrawFn, container: Container, values: list[Any]) -> Query:
    """Draw a query that fits one of the container's indexes, mostly about values that documents hold."""
    operands = st.sampled_from([value for value in values if kind(value) != "none"] or SCALARS)
    index = draw(st.sampled_from([("id",), *container.indexes]))
    fixed = index[: draw(st.integers(0, len(index)))]
    following = index[len(fixed) : len(fixed) + 1]
    where = [Where(field, Op.EQ, draw(operands)) for field in fixed]
    ranges = draw(st.lists(st.sampled_from(RANGES), max_size=2, unique=True)) if following else []
    where += [Where(field, op, draw(operands)) for field in following for op in ranges]
    where += [Where(field, draw(st.sampled_from(Op)), draw(operands)) for field in fixed if draw(RARELY)]
    orders = [*fixed, *following] if ranges else ["id", *fixed, *following]
    return Query(
        (),
        tuple(draw(st.permutations(where))),
        draw(st.sampled_from([*following] if ranges else orders)),
        descending=draw(st.booleans()),
        limit=draw(st.integers(1, 4)),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    container = draw(st.sampled_from([CONTAINERS["shards"], *INDEXED]))
    fields = sorted({field for index in container.indexes for field in index} - {"id"})
    values = draw(st.sampled_from(FAMILIES) | st.lists(FIELD_VALUES, min_size=1, max_size=4))
    query = draw(queries(container, values))
    sought: dict[str, list[Any]] = {}  # most documents hold what an equality asks for
    for where in query.where:
        sought.setdefault(where.field, []).extend([where.value] if where.op is Op.EQ else [])
    outer, *inner = container.partition_key
    keys = st.fixed_dictionaries(
        {
            "id": st.sampled_from(["1", "10", "2", "A", "Z", "a", "aa", "b", "é"]),
            outer: st.sampled_from(["0", "0", "1"]),
            **{field: st.sampled_from(["k", "l"]) for field in inner},
        },
        optional={field: st.sampled_from([*values, *(4 * sought.get(field, []))]) for field in fields},
    )
    identity = ("id", *container.partition_key)
    bodies = draw(
        st.lists(keys, min_size=4, max_size=18, unique_by=lambda body: tuple(body[name] for name in identity))
    )
    return Case(
        container,
        bodies,
        query,
        draw(st.integers(0, len(container.partition_key))),
    )


def placed(case: Case, tenants: list[str]) -> tuple[list[JsonObject], Query, dict[str, str]]:
    """Put the case into this example's own tenants: bodies, query, and the partition by field."""
    bodies = [{**body, "tenantId": tenants[int(body["tenantId"])]} for body in case.bodies]
    values = [tenants[0], *("k" for _ in case.container.partition_key[1:])][: case.levels]
    query = replace(case.query, partition=tuple(values), sweep=case.levels == 0)
    return bodies, query, dict(zip(case.container.partition_key, values, strict=False))


@asynccontextmanager
async def stored(store: DocumentStore, container: Container, bodies: list[JsonObject]) -> AsyncIterator[None]:
    """Documents for one example only, so that the sweeps of the next ones stay short."""
    partitions: dict[Partition, list[JsonObject]] = {}
    for body in bodies:
        partitions.setdefault(tuple(body[field] for field in container.partition_key), []).append(body)
    for partition, found in partitions.items():
        await store.write_many(container.name, partition, [Put(body) for body in found])
    yield
    for partition, found in partitions.items():
        await store.write_many(container.name, partition, [Delete(body["id"]) for body in found])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases())
async def test_a_query_finds_what_a_list_would(documents: DocumentStore, case: Case) -> None:
    """The pages of any declared query hold exactly the matching documents, each once, in the order."""
    tenants = [new_tenant(), new_tenant()]
    bodies, query, partition = placed(case, tenants)
    async with stored(documents, case.container, bodies):
        found = await pages(documents, case.container.name, query)

    assert all(len(page) == query.limit for page in found[:-1])
    mine = [item.body for page in found for item in page if item.body["tenantId"] in tenants]
    wanted = expected(bodies, query, partition)
    assert sorted(map(repr, mine)) == sorted(map(repr, wanted))
    for ordered in ("number", "string"):
        ranks = [rank(body, query.order_by) for body in mine if kind(body[query.order_by]) == ordered]
        assert ranks == sorted(ranks, reverse=query.descending)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases())
async def test_the_page_size_does_not_change_the_answer(documents: DocumentStore, case: Case) -> None:
    """One large page holds the same documents in the same order as many small ones."""
    tenants = [new_tenant(), new_tenant()]
    bodies, query, _ = placed(case, tenants)
    async with stored(documents, case.container, bodies):
        small = await every(documents, case.container.name, query)
        large = await every(documents, case.container.name, replace(query, limit=1_000))

    assert small == large
