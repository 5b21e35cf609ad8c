"""The tables and indexes behind the containers, and the statements that all documents of one share.

A container is a table in the order of its writes (WITHOUT ROWID measured 5 times slower with JSON):

    etag, p0[, p1], id, expires_at, body

The etag comes from one sequence for the whole database, so no two writes ever share one; it is the rowid, so
a write moves its document to the end, and the table itself is the stream of changes. `p0` and `p1` are the
partition's values. `expires_at` is in seconds since 1970, NULL for never. `body` is JSON text. The other
columns have no types, because a typed column would convert what it is compared with.

Python's sqlite3 takes the interpreter's lock for every row that it binds or fetches, and while the event loop
computes each of them waits for it, up to 5 ms (`sys.getswitchinterval`). So batches go in, and projections
come out, as one value each: `bulk` and `project` leave the rows to SQLite, which works on another core.

Every declared index becomes two: one that begins with the whole partition, and a wide one that begins with
the fields, for sweeps and for prefixes of a partition. Scanning instead would save the wide one, but a
sweep reads page by page and would parse the whole container again for each; and the containers that are
written fastest declare no index. Both end in the id, which breaks ties.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence

from shared.backends.query_rules import ID_INDEX, Index
from shared.domain.containers import Container

_TABLE = "CREATE TABLE IF NOT EXISTS {table} (etag INTEGER PRIMARY KEY, {key}, expires_at, body)"
_OVERWRITE = (
    " ON CONFLICT ({key})"
    " DO UPDATE SET etag = excluded.etag, expires_at = excluded.expires_at, body = excluded.body"
)
_UPSERT = "INSERT INTO {table} ({key}, etag, expires_at, body) VALUES ({values}){overwrite}"
_BULK = (
    "INSERT INTO {table} ({key}, etag, expires_at, body)"
    " SELECT {partition_values}, new.value ->> 0, ? + new.key, new.value ->> 1,"
    " CAST(substr(?, new.value ->> 2, new.value ->> 3) AS TEXT)"
    " FROM json_each(?) AS new WHERE true{overwrite}"
)
_CONFLICTS = (
    "SELECT count(*) FROM json_each(?) AS new LEFT JOIN {table}"
    " ON {partition} AND {table}.id = new.value ->> 0 AND {live} WHERE etag IS NOT new.value ->> 1"
)
_DELETE = "DELETE FROM {table} WHERE {partition} AND id = ?"
_VERSION = "SELECT etag FROM {table} WHERE {partition} AND id = ? AND {live}"
_READ = (
    "SELECT id, etag, CAST(body AS BLOB) FROM {table}"
    " WHERE {partition} AND id IN (SELECT value FROM json_each(?)) AND {live}"
)
_PROJECT = (
    "SELECT '[' || group_concat('[' || json_quote(id) || ',' || etag || ',' || json_object({fields}) || ']')"
    " || ']' FROM {table} WHERE {partition} AND id IN (SELECT value FROM json_each(?)) AND {live}"
)
_CHANGES = (
    "SELECT etag, CAST(body AS BLOB) FROM {table}"
    " WHERE etag > ? AND {prefix} AND {live} ORDER BY etag LIMIT ?"
)
_COPY = "INSERT INTO {table} ({columns}) SELECT {columns} FROM first_version"
_PURGE = (
    "DELETE FROM {table} WHERE rowid IN"
    " (SELECT rowid FROM {table} WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)"
)
LIVE = "(expires_at IS NULL OR expires_at > ?)"
"""What has not expired at a time, in seconds."""

_SEQUENCE = "CREATE TABLE IF NOT EXISTS sequence (last INTEGER NOT NULL)"
_SEQUENCE_START = "INSERT INTO sequence SELECT 0 WHERE NOT EXISTS (SELECT * FROM sequence)"
_TAKE = "UPDATE sequence SET last = last + ? RETURNING last"


class DocumentTable:
    """One container's names and statements.

    A document is named by its key: the partition's values, then the id. Whatever reads takes the time in
    seconds as its last parameter.

    Attributes:
        container: The declaration.
        name: The table's, quoted.
        columns: The partition's.
        create: Makes the table.
        upsert: Parameters: key, etag, expires_at, body.
        bulk: Writes many documents of one partition. Parameters: partition, the first one's etag, all bodies
            as one blob, a JSON array of [id, expires_at, first byte (from 1), length].
        conflicts: Counts the documents that are not as expected. Parameters: a JSON array of [id, etag or
            null], partition, time.
        delete: Parameters: key.
        version: Selects the etag; parameters: key, time.
        read: Selects id, etag and body; parameters: partition, a JSON array of ids, time.
        purge: Removes what has expired; parameters: time, how many at most.
    """

    def __init__(self, container: Container) -> None:
        self.container = container
        self.name = f'"{container.name}"'
        self.columns = tuple(f"p{number}" for number in range(len(container.partition_key)))
        names = {
            "table": self.name,
            "key": ", ".join((*self.columns, "id")),
            "values": ", ".join("?" * (len(self.columns) + 4)),
            "partition": " AND ".join(f"{column} = ?" for column in self.columns),
            "partition_values": ", ".join("?" * len(self.columns)),
            "live": LIVE,
        }
        self._names = names = {**names, "overwrite": _OVERWRITE.format_map(names)}
        self.upsert = _UPSERT.format_map(names)
        self.bulk = _BULK.format_map(names)
        self.conflicts = _CONFLICTS.format_map(names)
        self.delete = _DELETE.format_map(names)
        self.version = _VERSION.format_map(names)
        self.read = _READ.format_map(names)
        self.purge = _PURGE.format_map(names)
        self.create = _TABLE.format_map(names)

    def project(self, fields: Sequence[str]) -> str:
        """Return the statement that selects, as one JSON array, [id, etag, {field: value}] of many documents.

        Parameters as `read`'s. Fields are names at the top; one that a document lacks is null.
        """
        pairs = ", ".join(f"'{name}', body -> '$.{name}'" for name in fields)
        return _PROJECT.format_map({**self._names, "fields": pairs})

    def changes(self, partition_length: int) -> str:
        """Return the statement for what was written since an etag, oldest first.

        Parameters: the etag, the partition's first values, the time, how many at most.
        """
        prefix = " AND ".join(f"{column} = ?" for column in self.columns[:partition_length]) or "true"
        return _CHANGES.format_map({**self._names, "prefix": prefix})

    def index_name(self, fields: Index, *, wide: bool) -> str:
        """Return the quoted name of the index on `fields`; `wide` for the one without the partition."""
        return f'"{self.container.name}:{"wide" if wide else "partition"}:{",".join(fields)}"'

    def indexes(self) -> dict[str, str]:
        """Return the statement that makes each index, by the index's quoted name."""
        unique = self.index_name(ID_INDEX, wide=False)
        expiry = self.index_name(("expires_at",), wide=True)
        made = {
            unique: f"CREATE UNIQUE INDEX {unique} ON {self.name} ({', '.join((*self.columns, 'id'))})",
            expiry: f"CREATE INDEX {expiry} ON {self.name} (expires_at) WHERE expires_at IS NOT NULL",
        }
        for fields in self.container.indexes:
            keys = [key_expression(field) for field in fields if field != "id"]
            for wide in (False, True):
                name = self.index_name(fields, wide=wide)
                columns = (*(() if wide else self.columns), *keys, "id")
                made[name] = f"CREATE INDEX {name} ON {self.name} ({', '.join(columns)})"
        return made


def key_expression(field: str) -> str:
    """Return the SQL expression by which a field is indexed, compared and ordered.

    Numbers come before strings and strings before booleans, which are blobs: so each JSON type has a range
    of its own and an index can tell them apart. Everything else, or nothing at all, is NULL, which no
    comparison ever matches.
    """
    if field == "id":
        return "id"
    path = "".join(f'."{name}"' for name in field.split("."))
    return (
        f"CASE json_type(body, '${path}') WHEN 'true' THEN x'01' WHEN 'false' THEN x'00'"
        f" WHEN 'object' THEN NULL WHEN 'array' THEN NULL ELSE json_extract(body, '${path}') END"
    )


def create_tables(connection: sqlite3.Connection, tables: Collection[DocumentTable]) -> None:
    """Make what is missing, and remove or remake the indexes that are no longer declared like that."""
    connection.execute(_SEQUENCE)
    connection.execute(_SEQUENCE_START)
    _remake_first_tables(connection, tables)
    stored = "SELECT '\"' || name || '\"', sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    existing = dict(connection.execute(stored).fetchall())
    declared: dict[str, str] = {}
    for table in tables:
        connection.execute(table.create)
        declared |= table.indexes()
    for name in existing.keys() - {name for name, sql in declared.items() if existing.get(name) == sql}:
        connection.execute(f"DROP INDEX {name}")
    for name, sql in declared.items():
        if existing.get(name) != sql:
            connection.execute(sql)


def _remake_first_tables(connection: sqlite3.Connection, tables: Iterable[DocumentTable]) -> None:
    """Bring tables of the first version, which had the etag as a column like any other, up to date."""
    made = dict(
        connection.execute("SELECT '\"' || name || '\"', sql FROM sqlite_master WHERE type = 'table'")
    )
    for table in tables:
        if table.name in made and "etag INTEGER PRIMARY KEY" not in made[table.name]:
            columns = ", ".join(("etag", *table.columns, "id", "expires_at", "body"))
            connection.execute(f"ALTER TABLE {table.name} RENAME TO first_version")
            connection.execute(table.create)
            connection.execute(_COPY.format(table=table.name, columns=columns))
            connection.execute("DROP TABLE first_version")


def take_etags(connection: sqlite3.Connection, count: int) -> int:
    """Return the first of `count` consecutive etags that no write ever had; call it in a transaction."""
    (last,) = connection.execute(_TAKE, (count,)).fetchone()
    return int(last) - count + 1
