from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from shared.backends.embedded.sqlite_connection import SqliteDatabase
from shared.domain.errors import ConfigurationError, UnavailableError

INSERT = "INSERT INTO numbers VALUES (?)"


def make_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS numbers (n)")


def numbers(connection: sqlite3.Connection) -> list[int]:
    return [n for (n,) in connection.execute("SELECT n FROM numbers ORDER BY n")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "numbers.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = await SqliteDatabase.open(path, make_table, readers=2, busy_timeout_seconds=0.0)
    yield opened
    await opened.close()


async def test_a_read_sees_every_finished_write(database: SqliteDatabase) -> None:
    """What write returned for is there for the next read, and the result of the work comes back."""
    assert await database.write(lambda connection: connection.execute(INSERT, (1,)).rowcount) == 1
    assert await database.read(numbers) == [1]


async def test_a_failed_write_leaves_nothing(database: SqliteDatabase) -> None:
    """An exception inside the work rolls it back, reaches the caller and harms no later write."""

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, (1,))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(fail)
    await database.write(lambda connection: connection.execute(INSERT, (2,)))

    assert await database.read(numbers) == [2]


async def test_the_settings_are_in_force(database: SqliteDatabase) -> None:
    """Every connection uses the WAL with a sync per checkpoint, 8 MB of cache and large checkpoints."""

    def settings(connection: sqlite3.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "cache_size", "wal_autocheckpoint", "temp_store")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert await database.write(settings) == ["wal", 1, -8192, 10000, 2]
    assert await database.read(settings) == ["wal", 1, -8192, 10000, 2]


async def test_readers_can_not_write(database: SqliteDatabase) -> None:
    """A read that tries to write is stopped: only the writer's thread does."""
    with pytest.raises(ConfigurationError):
        await database.read(lambda connection: connection.execute(INSERT, (1,)))


async def test_reads_run_while_a_write_runs(database: SqliteDatabase) -> None:
    """A write in progress blocks neither reads nor the event loop, and is invisible until it commits."""
    go = threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, (1,))
        assert go.wait(60)

    writing = asyncio.create_task(database.write(slow))
    assert await database.read(numbers) == []
    assert not writing.done()
    go.set()
    await writing

    assert await database.read(numbers) == [1]


async def test_a_cancelled_caller_does_not_stop_a_write(database: SqliteDatabase) -> None:
    """A write that has begun is finished and committed although nobody waits for it any more."""
    begun, go = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        begun.set()
        assert go.wait(60)
        connection.execute(INSERT, (1,))

    writing = asyncio.create_task(database.write(slow))
    await asyncio.to_thread(begun.wait, 60)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    go.set()
    await database.write(lambda connection: connection.execute(INSERT, (2,)))

    assert await database.read(numbers) == [1, 2]


async def test_closing_finishes_the_work_in_hand(database: SqliteDatabase, path: Path) -> None:
    """Close waits for what was begun, may be called twice at once and again, and refuses what comes later."""

    def insert(number: int, connection: sqlite3.Connection) -> int:
        return connection.execute(INSERT, (number,)).rowcount

    writes = [asyncio.create_task(database.write(partial(insert, number))) for number in range(20)]
    await asyncio.sleep(0)  # every task has handed in its work

    await asyncio.gather(database.close(), database.close())
    await database.close()

    assert await asyncio.gather(*writes) == [1] * 20
    for call in (database.read(numbers), database.write(numbers)):
        with pytest.raises(UnavailableError, match="closed"):
            await call
    reopened = await SqliteDatabase.open(path, make_table)
    assert await reopened.read(numbers) == list(range(20))
    await reopened.close()


async def test_another_programs_lock_is_unavailable(database: SqliteDatabase, path: Path) -> None:
    """While another program holds the write lock, writes say that they may be tried again."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match="locked by another program"):
        await database.write(numbers)
    other.execute("ROLLBACK")
    other.close()

    assert await database.write(numbers) == []


async def test_a_full_disk_is_unavailable_and_undoes_the_work(database: SqliteDatabase) -> None:
    """When the file can't grow, the transaction is undone as a whole and later ones work again."""
    fill = "INSERT INTO numbers SELECT zeroblob(1000000)"
    await database.write(lambda connection: connection.execute(INSERT, (1,)))

    def limit(connection: sqlite3.Connection, pages: int) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def insert_and_fill(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, (2,))
        connection.execute(fill)

    await database.write(lambda connection: limit(connection, 10))
    with pytest.raises(UnavailableError, match="disk is full"):
        await database.write(insert_and_fill)
    assert await database.write(numbers) == [1]
    await database.write(lambda connection: limit(connection, 1_000_000))
    await database.write(lambda connection: connection.execute(fill))


async def test_what_sqlite_rolled_back_itself_is_told_as_it_is(database: SqliteDatabase) -> None:
    """An error that ends the transaction reaches the caller, and no complaint that there is none left."""
    await database.write(lambda connection: connection.execute("CREATE UNIQUE INDEX once ON numbers (n)"))

    def insert_twice(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, (1,))
        connection.execute("INSERT OR ROLLBACK INTO numbers VALUES (1)")

    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        await database.write(insert_twice)

    assert await database.write(numbers) == []


async def test_wrong_sql_is_not_hidden(database: SqliteDatabase) -> None:
    """A mistake in our own SQL is raised as it is, and the database goes on working."""
    for call in (database.write, database.read):
        with pytest.raises(sqlite3.OperationalError):
            await call(lambda connection: connection.execute("SELECT nothing FROM nowhere"))

    assert await database.write(lambda connection: connection.execute("SELECT 1").fetchone()[0]) == 1


async def test_an_exclusive_file_has_one_owner(path: Path) -> None:
    """Who comes second is turned away and does no harm, until the first has closed the file."""
    open_alone = partial(
        SqliteDatabase.open, path, make_table, readers=0, exclusive=True, busy_timeout_seconds=0.0
    )
    first = await open_alone()
    with pytest.raises(UnavailableError, match="locked by another program"):
        await open_alone()
    await first.write(lambda connection: connection.execute(INSERT, (1,)))
    await first.close()

    second = await open_alone()
    assert await second.write(numbers) == [1]
    await second.close()


async def test_without_readers_the_writer_reads(path: Path) -> None:
    """A database without readers of its own still reads, what prepare set on the connection included."""

    def prepare(connection: sqlite3.Connection) -> None:
        make_table(connection)
        connection.row_factory = sqlite3.Row

    alone = await SqliteDatabase.open(path, prepare, readers=0)
    await alone.write(lambda connection: connection.execute(INSERT, (1,)))

    assert await alone.read(lambda c: dict(c.execute("SELECT n FROM numbers").fetchone())) == {"n": 1}
    await alone.close()


async def test_a_cancelled_open_leaves_nothing_open(path: Path) -> None:
    """Who is cancelled while the file is being opened has closed it again when the cancellation arrives."""
    begun, go = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        make_table(connection)
        begun.set()
        assert go.wait(60)

    opening = asyncio.create_task(SqliteDatabase.open(path, slow, readers=0, exclusive=True))
    await asyncio.to_thread(begun.wait, 60)
    opening.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await opening

    opened = await SqliteDatabase.open(path, make_table, busy_timeout_seconds=0.0)
    await opened.close()


@pytest.fixture
def foreign_file(path: Path) -> Path:
    path.write_bytes(b"not a database at all " * 1_000)
    return path


async def test_a_file_that_is_no_database_is_explained(foreign_file: Path) -> None:
    """Another kind of file, or a damaged one, is a matter for a backup."""
    with pytest.raises(ConfigurationError, match="restore the file from a backup"):
        await SqliteDatabase.open(foreign_file, make_table)


async def test_a_missing_directory_is_explained(tmp_path: Path) -> None:
    """A path that can't be opened is a mistake in the settings."""
    with pytest.raises(ConfigurationError, match="check that its directory exists"):
        await SqliteDatabase.open(tmp_path / "no" / "numbers.db", make_table)


async def test_a_failed_preparation_leaves_no_tables(path: Path) -> None:
    """Tables are made in one transaction: a process that dies on the way begins anew."""

    def half(connection: sqlite3.Connection) -> None:
        make_table(connection)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await SqliteDatabase.open(path, half)

    opened = await SqliteDatabase.open(path, lambda _: None)
    assert await opened.read(lambda c: c.execute("SELECT name FROM sqlite_master").fetchall()) == []
    await opened.close()
