"""An SQLite file that the event loop may use: one thread writes, a few read, and the loop never waits.

SQLite admits one writer at a time, so the writer is one connection on one thread and nothing ever waits
for a lock. WAL lets readers go on meanwhile, each on a connection of its own; sqlite3 releases the GIL
while SQLite works.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Self, TypeVar

from shared.backends.embedded.sqlite_errors import translate
from shared.domain.errors import ConfigurationError, UnavailableError

Result = TypeVar("Result")

BUSY_TIMEOUT_SECONDS = 5.0
"""Long enough for another program to finish a transaction, short enough for a caller to wait."""

# A commit is in the file when it returns, so a killed process loses nothing; only a crash of the whole
# machine may take the last commits, which NORMAL buys for not waiting for the disk. The other sizes are
# measured, three runs each in turn: 500,000 upserts of 330 bytes took 25 to 30 s with SQLite's default for
# checkpoints, 16 to 24 s with this. The cache is small because each connection fills one of its own: the same
# took 18 to 23 s with 64 MB and 18 to 22 s with 8 MB, but ended with 290 MB resident instead of 67.
_SETTINGS = (
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -8192",
    "PRAGMA wal_autocheckpoint = 10000",
    "PRAGMA temp_store = MEMORY",
)


class SqliteDatabase:
    """One SQLite file, opened for this process. Make it with `open`, end it with `close`."""

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection], readers: int) -> None:
        """Use `open` instead."""
        self._path = path
        self._connect = connect
        self._readers = readers
        self._connections = ExitStack()
        self._writer: sqlite3.Connection  # the first thing that the writer's thread makes
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._read_threads = (
            ThreadPoolExecutor(readers, thread_name_prefix="sqlite-reader") if readers else self._write_thread
        )
        self._closing: asyncio.Future[None] | None = None

    @classmethod
    async def open(
        cls,
        path: Path,
        prepare: Callable[[sqlite3.Connection], None],
        *,
        readers: int = 2,
        exclusive: bool = False,
        busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS,
    ) -> Self:
        """Open or create a database file. Who is cancelled meanwhile, or fails, leaves nothing open.

        Args:
            path: The file; its directory must exist.
            prepare: Makes the tables, in a transaction of its own, on the writer's connection. What it sets
                on the connection itself, such as a row factory, holds for every write.
            readers: How many reads may run at once, beside the writer; 0 has them take turns with the writes.
            exclusive: Keep every other connection out until `close`, for files that two owners would spoil.
                `readers` must be 0 then. The operating system drops the lock with the process.
            busy_timeout_seconds: How long a statement waits for another program, such as a backup.

        Raises:
            ConfigurationError: The file can't be used, or is no database.
            UnavailableError: Another program has it locked.
        """
        connect = partial(_connect, path, busy_timeout_seconds, exclusive=exclusive)
        database = cls(path, connect, readers)
        try:
            await database._run(database._write_thread, database._connect_all, prepare)
        except BaseException:
            await database.close()
            raise
        return database

    @property
    def closed(self) -> bool:
        """True once `close` was called."""
        return self._closing is not None

    async def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` in a transaction on the writer's thread; an exception rolls it back.

        Once begun it runs to its end, even if the caller is cancelled.

        Raises:
            UnavailableError: The file is locked, the disk is full or fails, or the database is closed.
            ConfigurationError: The file is damaged or can't be written.
        """
        return await self._run(self._write_thread, self._transact, work)

    async def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` on a reader's thread; it sees every write that has returned. Raises as `write` does."""
        return await self._run(self._read_threads, self._look_up, work)

    async def close(self) -> None:
        """Finish the work in hand and close the file; again and again does no harm."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().run_in_executor(None, self._shut_down)
        await asyncio.shield(self._closing)

    async def _run(
        self,
        threads: ThreadPoolExecutor,
        run: Callable[[Callable[[sqlite3.Connection], Result]], Result],
        work: Callable[[sqlite3.Connection], Result],
    ) -> Result:
        if self.closed:
            raise UnavailableError(f"The database {self._path} is closed.")
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, run, work)
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    def _connect_all(self, prepare: Callable[[sqlite3.Connection], None]) -> None:
        self._writer = self._connections.enter_context(closing(self._connect()))
        self._transact(prepare)
        for connection in [self._connect_reader() for _ in range(self._readers)] or [self._writer]:
            self._idle.put(connection)

    def _connect_reader(self) -> sqlite3.Connection:
        reader = self._connections.enter_context(closing(self._connect()))
        reader.execute("PRAGMA query_only = ON")
        return reader

    def _transact(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        with self._writer:  # commits, or rolls back unless SQLite has done so itself, as after a full disk
            self._writer.execute("BEGIN IMMEDIATE")
            return work(self._writer)

    def _look_up(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        reader = self._idle.get_nowait()  # there are as many connections as threads
        try:
            return work(reader)
        finally:
            self._idle.put(reader)

    def _shut_down(self) -> None:
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        self._connections.close()  # the writer last: it moves the WAL into the file


def _connect(path: Path, busy_timeout_seconds: float, *, exclusive: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=busy_timeout_seconds, isolation_level=None, check_same_thread=False
    )
    try:
        if exclusive:
            # Before the WAL, whose index is then kept in no shared file: https://www.sqlite.org/wal.html#noshm
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _configure(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise ConfigurationError(f"The file system of {path} can't hold an SQLite WAL: use a local disk.")
    for setting in _SETTINGS:
        connection.execute(setting)
