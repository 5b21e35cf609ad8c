from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.domain.containers import CONTAINERS, OWN_TTL, Container
from shared.domain.errors import UnavailableError
from shared.ports.documents import JsonObject, Op, Put, Query, Where
from tests.fakes.clock import FakeClock

WRITER = """
import asyncio, sys
from pathlib import Path
from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.backends.system_clock import SystemClock
from shared.ports.documents import Put

async def main():
    store = await SqliteDocumentStore.open(Path(sys.argv[1]), SystemClock())
    number = 0
    while True:
        bodies = [{"id": f"{number}-{part}", "tenantId": "t", "text": "x" * 500} for part in range(50)]
        results = await store.write_many("tenants", ("t",), [Put(body) for body in bodies])
        print(number, results[-1].etag, flush=True)
        number += 1

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "documents.db"


@asynccontextmanager
async def opened(
    path: Path, clock: FakeClock | None = None, containers: Mapping[str, Container] = CONTAINERS
) -> AsyncIterator[SqliteDocumentStore]:
    store = await SqliteDocumentStore.open(path, clock or FakeClock(), containers)
    try:
        yield store
    finally:
        await store.close()


def tenant(document_id: str = "t", **fields: object) -> JsonObject:
    return {"id": document_id, "tenantId": "t", **fields}


def look_inside(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


async def test_documents_outlive_the_store(path: Path) -> None:
    """A file that is opened again holds the same documents under the same ETags."""
    async with opened(path) as store:
        etag = await store.put("tenants", tenant(name="é"))

    async with opened(path) as store:
        found = await store.get("tenants", ("t",), "t")

    assert found is not None
    assert (found.body, found.etag) == (tenant(name="é"), etag)


async def test_etags_never_come_back(path: Path) -> None:
    """Across containers, batches, deletes, refused writes and restarts no ETag is given twice."""
    etags: list[str | None] = []
    for _ in range(3):
        async with opened(path) as store:
            etags.append(await store.put("tenants", tenant()))
            etags.append(await store.put("config", {"id": "c", "scope": "global"}))
            results = await store.write_many("tenants", ("t",), [Put(tenant(f"{n}")) for n in range(5)])
            etags += [result.etag for result in results]
            await store.write_many("tenants", ("t",), [Put(tenant(), if_absent=True)])
            await store.delete("tenants", ("t",), "t")

    assert len(set(etags)) == len(etags) == 21


async def test_a_file_of_the_first_version_is_brought_up_to_date(path: Path) -> None:
    """Tables that had the etag as a plain column are remade with all their documents, etags and lifetimes."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute('CREATE TABLE "alerts" (p0, id, etag, expires_at, body)')
        connection.execute('CREATE UNIQUE INDEX "alerts:partition:id" ON "alerts" (p0, id)')
        body = '{"id": "a", "tenantId": "t", "n": 1}'
        connection.execute("INSERT INTO alerts VALUES ('t', 'a', 7, NULL, ?)", (body,))
        connection.execute("CREATE TABLE sequence (last INTEGER NOT NULL)")
        connection.execute("INSERT INTO sequence VALUES (9)")

    for _ in range(2):
        async with opened(path) as store:
            found = await store.get("alerts", ("t",), "a")
            assert found is not None
            assert (found.body["n"], found.etag) == (1, "7")

    assert "first_version" not in str(look_inside(path, "SELECT name FROM sqlite_master"))


async def test_a_killed_process_loses_nothing_acknowledged(path: Path) -> None:
    """After SIGKILL in the middle of writing, every batch that was answered is there, and whole."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    acknowledged = [await child.stdout.readline() for _ in range(20)]
    child.kill()
    rest, _ = await child.communicate()
    lines = b"".join([*acknowledged, rest]).decode().split("\n")[:-1]  # the kill may cut the last one

    async with opened(path) as store:
        ids = [f"{number}-{part}" for number in range(len(lines)) for part in range(50)]
        found = await store.read_many("tenants", ("t",), ids)
        one_more = [f"{len(lines)}-{part}" for part in range(50)]
        after = await store.put("tenants", tenant())
        torn = await store.read_many("tenants", ("t",), one_more)

    assert len(lines) >= 20
    assert set(found) == set(ids)
    assert len(torn) in {0, 50}
    assert int(after) > int(lines[-1].split()[1])


async def test_a_closed_store_says_so(path: Path) -> None:
    """Closing twice is harmless, and a closed store is unavailable."""
    async with opened(path) as store:
        await store.close()

        with pytest.raises(UnavailableError, match="closed"):
            await store.get("tenants", ("t",), "t")


async def test_the_expired_are_removed_by_later_writes(path: Path) -> None:
    """Once a minute a write to any container removes what has expired from all of them, and only that."""
    clock = FakeClock()
    async with opened(path, clock) as store:
        for number in range(3):
            await store.put("alerts", {"id": f"a{number}", "tenantId": "t", "ttl": 10 if number else -1})
        clock.advance(59)
        await store.put("tenants", tenant())
        assert look_inside(path, "SELECT id FROM alerts ORDER BY id") == [("a0",), ("a1",), ("a2",)]
        clock.advance(1)
        await store.put("tenants", tenant())

        assert look_inside(path, "SELECT id FROM alerts") == [("a0",)]


async def test_indexes_follow_the_declaration(path: Path) -> None:
    """Reopening builds the indexes that are new, over nested fields too, and drops those that went."""
    before = Container("things", ("tenantId",), indexes=(("kind",),))
    after = Container("things", ("tenantId",), OWN_TTL, indexes=(("owner.name", "size"),))
    nested = Query(
        ("t",),
        (Where("owner.name", Op.EQ, "ada"), Where("size", Op.GT, 1)),
        order_by="size",
        limit=1,
    )
    async with opened(path, containers={"things": before}) as store:
        bodies = [tenant(f"{size}", size=size, owner={"name": "ada"}) for size in range(4)]
        odd = tenant("odd", size=9, owner="ada", **{"owner.name": "ada"})
        await store.write_many("things", ("t",), [Put(body) for body in [*bodies, odd]])

    async with opened(path, containers={"things": after}) as store:
        first = await store.query("things", nested)
        (second,) = (await store.query("things", _next(nested, first.continuation))).items

    assert [first.items[0].body["id"], second.body["id"]] == ["2", "3"]
    names = look_inside(path, "SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name")
    assert names == [
        ("things:partition:id",),
        ("things:partition:owner.name,size",),
        ("things:wide:expires_at",),
        ("things:wide:owner.name,size",),
    ]


async def test_numbers_keep_64_bits(path: Path) -> None:
    """Integers of 64 bits come back exactly; larger ones are no JSON here."""
    async with opened(path) as store:
        await store.put("tenants", tenant(n=2**63 - 1, m=-(2**63)))
        found = await store.get("tenants", ("t",), "t")

    assert found is not None
    assert (found.body["n"], found.body["m"]) == (2**63 - 1, -(2**63))


def _next(query: Query, continuation: str | None) -> Query:
    return Query(query.partition, query.where, query.order_by, limit=query.limit, continuation=continuation)
