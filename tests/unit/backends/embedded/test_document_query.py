from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from shared.backends.embedded.document_query import Place, compile_query
from shared.backends.embedded.document_tables import DocumentTable, create_tables
from shared.domain.containers import CONTAINERS
from shared.domain.errors import InvalidRequestError
from shared.ports.documents import Op, Query, Where

TABLES = {name: DocumentTable(container) for name, container in CONTAINERS.items()}
WHOLE, PREFIX, SWEEP = ("t",), ("t",), ()
STATUS = Where("status", Op.EQ, "active")
DUE = Where("nextSyncAt", Op.LE, "2026-01-01")
MINE = Where("integrationId", Op.EQ, "i")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(":memory:", isolation_level=None)
    create_tables(made, TABLES.values())
    yield made
    made.close()


def plan(
    connection: sqlite3.Connection, container: str, query: Query, after: Place | None = None
) -> list[str]:
    """SQLite's own account of how it finds a page."""
    sql, parameters = compile_query(TABLES[container], query, after, 0.0)
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("after", [None, Place("2025", "i1", 5)])
@pytest.mark.parametrize(
    ("container", "partition", "where", "order_by", "index", "sought"),
    [
        (
            "integrations",
            WHOLE,
            (STATUS, DUE),
            "nextSyncAt",
            "partition:status,nextSyncAt",
            "p0=? AND <expr>=?",
        ),
        ("integrations", SWEEP, (STATUS, DUE), "nextSyncAt", "wide:status,nextSyncAt", "<expr>=?"),
        ("connections", WHOLE, (MINE,), "id", "partition:integrationId", "p0=? AND <expr>=?"),
        ("connections", SWEEP, (MINE,), "id", "wide:integrationId", "<expr>=?"),
        ("audit-log", ("t", "m"), (), "createdAt", "partition:createdAt", "p0=? AND p1=?"),
        ("audit-log", PREFIX, (), "createdAt", "wide:createdAt", ""),
        ("shards", ("t", "contact"), (), "id", "partition:id", "p0=? AND p1=?"),
        ("shards", ("t", "contact"), (Where("id", Op.GE, "a"),), "id", "partition:id", "p0=? AND p1=?"),
    ],
)
def test_a_page_is_read_in_the_order_of_its_index(
    connection: sqlite3.Connection,
    container: str,
    partition: tuple[str, ...],
    where: tuple[Where, ...],
    order_by: str,
    index: str,
    sought: str,
    after: Place | None,
    *,
    descending: bool,
) -> None:
    """One index finds the equalities, bounds the order on the side it starts from, and needs no sorting."""
    query = Query(partition, where, order_by, descending=descending, sweep=not partition)

    (step,) = plan(connection, container, query, after)

    assert step.startswith(f"SEARCH {container} USING INDEX {container}:{index} ({sought}")
    ordered = "id" if order_by == "id" else "<expr>"
    if after is not None:
        assert f"{ordered}{'<' if descending else '>'}?" in step


@pytest.mark.parametrize(
    ("container", "partition", "where", "order_by", "search"),
    [
        (
            "connections",
            WHOLE,
            (STATUS,),
            "id",
            "USING INDEX connections:partition:status,expiresAt (p0=? AND <expr>=?)",
        ),
        (
            "integrations",
            WHOLE,
            (),
            "status",
            "USING INDEX integrations:partition:status,nextSyncAt (p0=? AND <expr><?)",
        ),
        ("shards", PREFIX, (), "id", "USING COVERING INDEX shards:partition:id (p0=?)"),
        ("shards", SWEEP, (), "id", "USING COVERING INDEX shards:partition:id"),
    ],
)
def test_what_must_be_sorted_is_sorted_by_key(
    connection: sqlite3.Connection,
    container: str,
    partition: tuple[str, ...],
    where: tuple[Where, ...],
    order_by: str,
    search: str,
) -> None:
    """An order that the index doesn't have sorts what the index found, and then fetches only the page."""
    steps = plan(connection, container, Query(partition, where, order_by, sweep=not partition))

    assert steps[0] == f"SEARCH {container} USING INTEGER PRIMARY KEY (rowid=?)"
    assert any(step.endswith(search) for step in steps)
    assert any(step.startswith("USE TEMP B-TREE") for step in steps)


@pytest.mark.parametrize("statement", ["read", "version", "delete"])
def test_documents_are_found_by_their_key(connection: sqlite3.Connection, statement: str) -> None:
    """Look-ups, conditions and deletes all use the unique index."""
    sql = getattr(TABLES["shards"], statement)

    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?"))]

    assert any("shards:partition:id (p0=? AND p1=? AND id=?)" in step for step in steps)


def test_the_expired_are_found_by_their_time(connection: sqlite3.Connection) -> None:
    """Cleaning up reads only what it removes."""
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {TABLES['alerts'].purge}", (0.0, 1))]

    assert any("alerts:wide:expires_at (expires_at<?)" in step for step in steps)
    assert not any(step.startswith("SCAN") for step in steps)


@pytest.mark.parametrize(
    "raw",
    [[], ["a"], ["a", "b"], ["a", "b", "c"], ["a", "b", 0], ["a", "b", 2**63], [None, "b", 1], {}, 7, "abc"],
)
def test_a_made_up_place_is_refused(raw: object) -> None:
    """A continuation that opens but holds something else is the caller's mistake."""
    with pytest.raises(InvalidRequestError):
        Place.parse(raw)
