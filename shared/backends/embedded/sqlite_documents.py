"""The document store in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

import orjson

from shared.backends.document_rules import check_partition, is_identifier, partition_of
from shared.backends.embedded.document_query import Place, compile_query
from shared.backends.embedded.document_tables import DocumentTable, create_tables
from shared.backends.embedded.document_writes import apply_writes, prepare
from shared.backends.embedded.sqlite_connection import SqliteDatabase
from shared.backends.query_rules import (
    check_changes,
    check_query,
    open_continuation,
    open_stream_place,
    seal_continuation,
    seal_stream_place,
)
from shared.domain.containers import CONTAINERS, Container
from shared.domain.errors import (
    AlreadyExistsError,
    ConfigurationError,
    DocumentTooLargeError,
    StaleWriteError,
)
from shared.ports.clock import Clock
from shared.ports.documents import (
    MAX_DOCUMENT_BYTES,
    Changes,
    Delete,
    Document,
    JsonObject,
    Page,
    Partition,
    Put,
    Query,
    Write,
    WriteResult,
)

PURGE_INTERVAL_SECONDS = 60.0
"""At most this often a write also removes what has expired."""

PURGE_DOCUMENTS = 10_000
"""At most this many of a container at once, so that no write waits long for it."""


class SqliteDocumentStore:
    """`DocumentStore` over one SQLite file; one process at a time may have it open (`process_lock`).

    A write is in the file when its method returns, and survives the death of the process. `write_many` is
    one transaction. Numbers compare as SQLite reads them: integers exactly up to 64 bits, the others as
    doubles. A string in an indexed field counts up to its first U+0000.
    """

    def __init__(self, database: SqliteDatabase, clock: Clock, tables: Mapping[str, DocumentTable]) -> None:
        self._database = database
        self._clock = clock
        self._tables = tables
        self._purged_at = clock.monotonic()

    @classmethod
    async def open(cls, path: Path, clock: Clock, containers: Mapping[str, Container] = CONTAINERS) -> Self:
        """Open or create the file, with a table for every container and the indexes that are declared.

        Raises:
            ConfigurationError: The file can't be used, or is damaged.
            UnavailableError: Another program has it locked.
        """
        tables = {name: DocumentTable(container) for name, container in containers.items()}
        database = await SqliteDatabase.open(path, partial(create_tables, tables=tables.values()))
        return cls(database, clock, tables)

    async def close(self) -> None:
        """Finish the work in hand and close the file; again and again does no harm."""
        await self._database.close()

    async def get(self, container: str, partition: Partition, document_id: str) -> Document | None:
        """Return one document by its full partition and id, or None. An id that can't exist isn't there."""
        return (await self.read_many(container, partition, [document_id])).get(document_id)

    async def read_many(
        self,
        container: str,
        partition: Partition,
        document_ids: Sequence[str],
        fields: Sequence[str] | None = None,
    ) -> Mapping[str, Document]:
        """Return those of the documents that exist, by id."""
        table = self._table(container)
        check_partition(table.container, partition)
        ids = [document_id for document_id in document_ids if is_identifier(document_id)]
        if not ids:
            return {}
        parameters = (*partition, orjson.dumps(ids).decode(), self._now_seconds())

        def look_up(connection: sqlite3.Connection) -> dict[str, Document]:
            rows = connection.execute(table.read, parameters).fetchall()
            return {document_id: _document(etag, body) for document_id, etag, body in rows}

        def project(connection: sqlite3.Connection) -> dict[str, Document]:
            (rows,) = connection.execute(table.project(fields or ()), parameters).fetchone()
            return {
                document_id: Document(body, str(etag))
                for document_id, etag, body in orjson.loads(rows or "[]")
            }

        return await self._database.read(look_up if fields is None else project)

    async def changes(
        self, container: str, partition: Partition, since: str | None = None, limit: int = 50
    ) -> Changes:
        """Return documents in the order of their last writes; the etag is that order."""
        table = self._table(container)
        check_changes(table.container, partition, limit)
        place = 0 if since is None else open_stream_place(table.container, partition, since, int)

        def look_up(connection: sqlite3.Connection) -> Changes:
            # First: what is written between the two statements comes now, and again.
            (last,) = connection.execute("SELECT last FROM sequence").fetchone()
            parameters = (place, *partition, self._now_seconds(), limit)
            rows = connection.execute(table.changes(len(partition)), parameters).fetchall()
            reached = rows[-1][0] if len(rows) == limit else last
            following = seal_stream_place(table.container, partition, reached)
            return Changes(tuple(_document(etag, body) for etag, body in rows), following)

        return await self._database.read(look_up)

    async def put(
        self, container: str, body: JsonObject, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """Write one document and return its new ETag. The errors are the port's."""
        table = self._table(container)
        put = Put(body, if_match=if_match, if_absent=if_absent)
        result = (await self._write(table, partition_of(table.container, body), [put]))[0]
        match result.outcome:
            case "stale":
                raise StaleWriteError(f"The document in {container} changed since it was read.")
            case "exists":
                raise AlreadyExistsError(f"The id is taken in {container}.")
            case "too_large":
                raise DocumentTooLargeError(f"A document holds at most {MAX_DOCUMENT_BYTES} bytes of JSON.")
        return str(result.etag)

    async def delete(
        self, container: str, partition: Partition, document_id: str, *, if_match: str | None = None
    ) -> bool:
        """Remove one document; False if it was not there. StaleWriteError: it is another version."""
        table = self._table(container)
        check_partition(table.container, partition)
        if not is_identifier(document_id):
            return False
        result = (await self._write(table, partition, [Delete(document_id, if_match=if_match)]))[0]
        if result.outcome == "stale":
            raise StaleWriteError(f"The document in {container} changed since it was read.")
        return result.outcome == "deleted"

    async def write_many(
        self, container: str, partition: Partition, writes: Sequence[Write]
    ) -> Sequence[WriteResult]:
        """Write many documents of one partition in one transaction and return a result for each, in order."""
        table = self._table(container)
        check_partition(table.container, partition)
        return await self._write(table, partition, writes) if writes else ()

    async def query(self, container: str, query: Query) -> Page:
        """Return one page of the documents that match; `query_rules.fitting_index` says which queries fit.

        Most read only their page. What the index found is sorted first where the equalities and the order
        leave a field of that index over, and where an order by "id" spans partitions without a condition.
        """
        table = self._table(container)
        check_query(table.container, query)
        after = Place.parse(open_continuation(table.container, query))
        sql, parameters = compile_query(table, query, after, self._now_seconds())

        def look_up(connection: sqlite3.Connection) -> Page:
            rows = connection.execute(sql, parameters).fetchall()
            items = tuple(_document(etag, body) for _, etag, body in rows[: query.limit])
            if len(rows) <= query.limit:
                return Page(items, None)
            place = Place.of(query, items[-1].body, rows[query.limit - 1][0])
            return Page(items, seal_continuation(table.container, query, place.dump()))

        return await self._database.read(look_up)

    async def _write(
        self, table: DocumentTable, partition: Partition, writes: Sequence[Write]
    ) -> list[WriteResult]:
        batch = prepare(table, partition, writes, self._now_seconds())

        def work(connection: sqlite3.Connection) -> list[WriteResult]:
            self._purge_if_due(connection)
            return apply_writes(connection, table, partition, batch)

        return await self._database.write(work)

    def _purge_if_due(self, connection: sqlite3.Connection) -> None:
        if self._clock.monotonic() - self._purged_at < PURGE_INTERVAL_SECONDS:
            return
        self._purged_at = self._clock.monotonic()
        for table in self._tables.values():
            connection.execute(table.purge, (self._now_seconds(), PURGE_DOCUMENTS))

    def _table(self, container: str) -> DocumentTable:
        if container not in self._tables:
            raise ConfigurationError(
                f"The container {container} is not declared in shared/domain/containers.py."
            )
        return self._tables[container]

    def _now_seconds(self) -> float:
        return self._clock.now().timestamp()


def _document(etag: int, body: bytes) -> Document:
    return Document(orjson.loads(body), str(etag))
