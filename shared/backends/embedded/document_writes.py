"""Applying writes to one partition of a table, in order, inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Literal, TypeAlias

from shared.backends.document_rules import check_write, encode, lifetime_seconds
from shared.backends.embedded.document_tables import DocumentTable, take_etags
from shared.ports.documents import MAX_DOCUMENT_BYTES, Delete, Partition, Put, Write, WriteResult

Row: TypeAlias = tuple[Any, ...]
"""The partition's values, id, etag, expires_at and body: the parameters of the upsert."""

Prepared: TypeAlias = tuple[Write, Row | None]
"""A write, and the row to store; None for a Delete and for a document that is too large."""


def apply_writes(
    connection: sqlite3.Connection,
    table: DocumentTable,
    partition: Partition,
    writes: Sequence[Write],
    now_seconds: float,
) -> list[WriteResult]:
    """Apply writes of one partition and return a result for each.

    Raises:
        InvalidRequestError: One of them is invalid; none was applied.
    """
    first_etag = take_etags(connection, len(writes))
    prepared = [
        (write, _row(table, partition, write, etag, now_seconds))
        for etag, write in enumerate(writes, first_etag)
    ]
    results: list[WriteResult] = []
    for is_plain, run in groupby(prepared, _is_plain_put):
        if is_plain:
            results += _put_all(connection, table, run)
        else:
            results += [_apply(connection, table, partition, one, now_seconds) for one in run]
    return results


def _row(
    table: DocumentTable, partition: Partition, write: Write, etag: int, now_seconds: float
) -> Row | None:
    check_write(table.container, partition, write)
    if isinstance(write, Delete):
        return None
    body = encode(write.body)
    lifetime = lifetime_seconds(table.container, write.body)
    if len(body) > MAX_DOCUMENT_BYTES:
        return None
    expires_at = None if lifetime is None else now_seconds + lifetime
    return (*partition, write.body["id"], etag, expires_at, body.decode())


def _is_plain_put(prepared: Prepared) -> bool:
    write, row = prepared
    return row is not None and isinstance(write, Put) and write.if_match is None and not write.if_absent


def _put_all(
    connection: sqlite3.Connection, table: DocumentTable, run: Iterable[Prepared]
) -> list[WriteResult]:
    """Store documents without a look at what is there: the way of nearly all of a sync's writes."""
    rows = [row for _, row in run if row is not None]
    connection.executemany(table.upsert, rows)
    return [WriteResult(row[-4], "written", str(row[-3])) for row in rows]


def _apply(
    connection: sqlite3.Connection,
    table: DocumentTable,
    partition: Partition,
    prepared: Prepared,
    now_seconds: float,
) -> WriteResult:
    write, row = prepared
    document_id = write.id if isinstance(write, Delete) else write.body["id"]
    key = (*partition, document_id)
    found = connection.execute(table.version, (*key, now_seconds)).fetchone()
    stored = None if found is None else str(found[0])
    if isinstance(write, Delete):
        return WriteResult(document_id, _delete(connection, table, key, write, stored))
    if row is None:
        return WriteResult(document_id, "too_large")
    if write.if_absent and stored is not None:
        return WriteResult(document_id, "exists")
    if write.if_match is not None and write.if_match != stored:
        return WriteResult(document_id, "stale")
    connection.execute(table.upsert, row)
    return WriteResult(document_id, "written", str(row[-3]))


def _delete(
    connection: sqlite3.Connection,
    table: DocumentTable,
    key: tuple[str, ...],
    write: Delete,
    stored: str | None,
) -> Literal["deleted", "absent", "stale"]:
    if stored is None:
        return "absent"
    if write.if_match is not None and write.if_match != stored:
        return "stale"
    connection.execute(table.delete, key)
    return "deleted"
