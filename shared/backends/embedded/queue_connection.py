"""The queue's SQLite file, in a thread of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from shared.backends.embedded.queue_schema import create_tables
from shared.domain.errors import ConfigurationError, IntegrationError, UnavailableError

T = TypeVar("T")

BUSY_TIMEOUT_SECONDS = 1.0
"""How long to wait for another process's lock on the file before giving up."""

ERRORS_BY_CODE: dict[int, type[IntegrationError]] = {
    sqlite3.SQLITE_BUSY: UnavailableError,
    sqlite3.SQLITE_LOCKED: UnavailableError,
    sqlite3.SQLITE_FULL: UnavailableError,
    sqlite3.SQLITE_IOERR: UnavailableError,
    sqlite3.SQLITE_NOMEM: UnavailableError,
    sqlite3.SQLITE_PROTOCOL: UnavailableError,
    sqlite3.SQLITE_INTERRUPT: UnavailableError,
    sqlite3.SQLITE_CANTOPEN: ConfigurationError,
    sqlite3.SQLITE_READONLY: ConfigurationError,
    sqlite3.SQLITE_PERM: ConfigurationError,
    sqlite3.SQLITE_NOLFS: ConfigurationError,
    sqlite3.SQLITE_CORRUPT: ConfigurationError,
    sqlite3.SQLITE_NOTADB: ConfigurationError,
    sqlite3.SQLITE_FORMAT: ConfigurationError,
}
"""What SQLite's primary result codes (https://sqlite.org/rescode.html) mean here. The others are mistakes in
our SQL, and pass as they are."""


class QueueConnection:
    """One connection for as long as the app runs. Work comes one piece after the other, in order of call."""

    def __init__(self, path: Path) -> None:
        """Take over the path; `connect` opens it."""
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="queue")
        self._sqlite: sqlite3.Connection | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """True once `close` was called."""
        return self._closed

    async def connect(self) -> None:
        """Open or create the file and lock it for this process.

        Raises:
            UnavailableError: Another process has the file, or the disk refuses.
            ConfigurationError: It can't be written, is no queue file, or another version's.
        """
        try:
            await self._in_thread(self._connect)
        except BaseException:
            await self.close()
            raise

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the thread and in one transaction, and return its result.

        A caller that is cancelled does not learn whether the work was done; later work runs after it.

        Raises:
            UnavailableError: The disk refuses, or the queue is closed.
            ConfigurationError: The file is damaged.
        """
        if self._closed:
            raise UnavailableError("The queue is closed")
        return await self._in_thread(lambda: self._transact(work))

    async def close(self) -> None:
        """Close the file once the work before is done. Idempotent."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._in_thread(self._disconnect)
        finally:
            self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _translate(self, error: sqlite3.Error) -> Exception:
        # The low byte of an extended code is its primary code; errors of the module itself have none.
        kind = ERRORS_BY_CODE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        return kind(f"The queue file {self._path}: {error}") if kind else error

    def _connect(self) -> None:
        sqlite = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
        sqlite.row_factory = sqlite3.Row
        self._sqlite = sqlite
        # Exclusive, because opening releases every lock in the file: two owners would undo each other's.
        # The operating system drops the file's lock with the process, however that ends.
        sqlite.execute("PRAGMA locking_mode = EXCLUSIVE")
        sqlite.execute("PRAGMA journal_mode = WAL")
        # A commit outlives the process at once, and a power cut as soon as a checkpoint has synced the log.
        sqlite.execute("PRAGMA synchronous = NORMAL")
        create_tables(sqlite)

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        sqlite = self._sqlite
        if sqlite is None:  # the file was closed while this work stood in line
            raise UnavailableError("The queue is closed")
        sqlite.execute("BEGIN IMMEDIATE")
        try:
            result = work(sqlite)
            sqlite.execute("COMMIT")
        except BaseException:
            # SQLite has already rolled back after some errors, a full disk among them.
            if sqlite.in_transaction:
                sqlite.execute("ROLLBACK")
            raise
        return result

    def _disconnect(self) -> None:
        if self._sqlite is not None:
            self._sqlite.close()
            self._sqlite = None
