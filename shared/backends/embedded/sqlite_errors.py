"""What SQLite's errors mean to a caller: one table, keyed by primary result code."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from shared.domain.errors import ConfigurationError, IntegrationError, UnavailableError

_DAMAGED = "is damaged or no SQLite database: stop the app and restore the file from a backup"
_FORBIDDEN = "can't be used: check that its directory exists, belongs to this user and is writable"

_MEANINGS: dict[int, tuple[type[IntegrationError], str]] = {
    sqlite3.SQLITE_BUSY: (UnavailableError, "is locked by another program"),
    sqlite3.SQLITE_LOCKED: (UnavailableError, "is locked by another connection"),
    sqlite3.SQLITE_PROTOCOL: (UnavailableError, "is locked by another program"),
    sqlite3.SQLITE_INTERRUPT: (UnavailableError, "was interrupted"),
    sqlite3.SQLITE_FULL: (UnavailableError, "can't grow: the disk is full"),
    sqlite3.SQLITE_IOERR: (UnavailableError, "can't be read or written: the disk reports an error"),
    sqlite3.SQLITE_NOMEM: (UnavailableError, "needs more memory than there is"),
    sqlite3.SQLITE_CORRUPT: (ConfigurationError, _DAMAGED),
    sqlite3.SQLITE_NOTADB: (ConfigurationError, _DAMAGED),
    sqlite3.SQLITE_FORMAT: (ConfigurationError, _DAMAGED),
    sqlite3.SQLITE_CANTOPEN: (ConfigurationError, _FORBIDDEN),
    sqlite3.SQLITE_READONLY: (ConfigurationError, _FORBIDDEN),
    sqlite3.SQLITE_PERM: (ConfigurationError, _FORBIDDEN),
    sqlite3.SQLITE_NOLFS: (ConfigurationError, "is larger than its file system allows"),
}


def translate(error: sqlite3.Error, path: Path) -> Exception:
    """Return what to raise instead of an error of SQLite's.

    An error that is nobody's fault but ours (wrong SQL, a broken constraint, misuse) comes back as it is.
    """
    # Extended codes carry the primary one in their low byte: https://www.sqlite.org/rescode.html
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code not in _MEANINGS:
        return error
    kind, meaning = _MEANINGS[code]
    return kind(f"The database {path} {meaning} ({error}).")
