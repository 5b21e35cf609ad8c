"""Applying writes to one partition of a table, in order, inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import orjson

from shared.backends.document_rules import check_write, encode, lifetime_seconds
from shared.backends.embedded.document_tables import DocumentTable, take_etags
from shared.ports.documents import MAX_DOCUMENT_BYTES, Delete, Partition, Put, Write, WriteResult

_FEW = 8
"""So many writes are done one by one: a statement for all of them costs more to put together."""


class _Row(NamedTuple):
    """A document on its way into a table. `body` is None for a deletion and for one that is too large."""

    write: Write
    id: str
    expires_at: float | None
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Writes of one partition, made ready outside of the writer's thread, which everybody waits for.

    Attributes:
        rows: One for each write.
        now_seconds: When they were made ready.
        bulk: The parameters that the table's bulk statement takes besides the partition and the first etag;
            None where the writes have to be done one by one.
        expected: The parameter of the table's conflicts statement; None where no write has a condition.
    """

    rows: Sequence[_Row]
    now_seconds: float
    bulk: tuple[bytes, str] | None
    expected: str | None


def prepare(table: DocumentTable, partition: Partition, writes: Sequence[Write], now_seconds: float) -> Batch:
    """Make writes ready.

    Raises:
        InvalidRequestError: One of them is invalid.
    """
    rows = [_row(table, partition, write, now_seconds) for write in writes]
    if len(rows) <= _FEW or any(row.body is None for row in rows) or _has_repetitions(rows):
        return Batch(rows, now_seconds, None, None)
    expected = [_expected(row) for row in rows if _is_conditional(row.write)]
    return Batch(rows, now_seconds, _packed(rows), orjson.dumps(expected).decode() if expected else None)


def apply_writes(
    connection: sqlite3.Connection, table: DocumentTable, partition: Partition, batch: Batch
) -> list[WriteResult]:
    """Apply writes of one partition and return a result for each."""
    first_etag = take_etags(connection, len(batch.rows))
    if batch.bulk and not _has_conflicts(connection, table, partition, batch):
        connection.execute(table.bulk, (*partition, first_etag, *batch.bulk))
        return [WriteResult(row.id, "written", str(etag)) for etag, row in enumerate(batch.rows, first_etag)]
    return [
        _apply(connection, table, partition, row, etag, batch.now_seconds)
        for etag, row in enumerate(batch.rows, first_etag)
    ]


def _row(table: DocumentTable, partition: Partition, write: Write, now_seconds: float) -> _Row:
    check_write(table.container, partition, write)
    if isinstance(write, Delete):
        return _Row(write, write.id, None, None)
    body = encode(write.body)
    lifetime = lifetime_seconds(table.container, write.body)
    expires_at = None if lifetime is None else now_seconds + lifetime
    return _Row(write, write.body["id"], expires_at, body if len(body) <= MAX_DOCUMENT_BYTES else None)


def _has_repetitions(rows: Sequence[_Row]) -> bool:
    return len({row.id for row in rows}) < len(rows)


def _has_conflicts(
    connection: sqlite3.Connection, table: DocumentTable, partition: Partition, batch: Batch
) -> bool:
    if batch.expected is None:
        return False
    parameters = (batch.expected, *partition, batch.now_seconds)
    (conflicts,) = connection.execute(table.conflicts, parameters).fetchone()
    return bool(conflicts)


def _packed(rows: Sequence[_Row]) -> tuple[bytes, str]:
    """Return rows as the bulk statement takes them: the bodies in one, and what belongs to each."""
    bodies = [row.body or b"" for row in rows]
    first, described = 1, []
    for row, body in zip(rows, bodies, strict=True):
        described.append((row.id, row.expires_at, first, len(body)))
        first += len(body)
    return b"".join(bodies), orjson.dumps(described).decode()


def _is_conditional(write: Write) -> bool:
    return write.if_match is not None or (isinstance(write, Put) and write.if_absent)


def _expected(row: _Row) -> tuple[str, int | None]:
    """Return which etag a document must have, None for none; one that is no number of ours is nobody's."""
    given = row.write.if_match
    if given is None:
        return row.id, None
    ours = given.isascii() and given.isdigit() and len(given) < 19  # noqa: PLR2004 - 64 bits
    return row.id, int(given) if ours else 0


def _apply(
    connection: sqlite3.Connection,
    table: DocumentTable,
    partition: Partition,
    row: _Row,
    etag: int,
    now_seconds: float,
) -> WriteResult:
    key = (*partition, row.id)
    found = connection.execute(table.version, (*key, now_seconds)).fetchone()
    stored = None if found is None else str(found[0])
    write = row.write
    if isinstance(write, Delete):
        return WriteResult(row.id, _delete(connection, table, key, write, stored))
    if row.body is None:
        return WriteResult(row.id, "too_large")
    if write.if_absent and stored is not None:
        return WriteResult(row.id, "exists")
    if write.if_match is not None and write.if_match != stored:
        return WriteResult(row.id, "stale")
    connection.execute(table.upsert, (*key, etag, row.expires_at, row.body.decode()))
    return WriteResult(row.id, "written", str(etag))


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
