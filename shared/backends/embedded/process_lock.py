"""One process per data directory: the embedded backend's files have one owner at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.domain.errors import ConfigurationError

LOCK_FILE = "process.lock"
"""Holds the owner's process id, for people. It stays behind: what counts is the lock on it."""


@contextmanager
def process_lock(directory: Path) -> Iterator[None]:
    """Own a data directory until the context ends, or the process does, however it ends.

    Raises:
        ConfigurationError: Another process owns the directory, or its lock file can't be written.
    """
    path = directory / LOCK_FILE
    try:
        file = path.open("a+")
    except OSError as error:
        reason = f"check that the directory exists and belongs to this user ({error.strerror})"
        raise ConfigurationError(f"Can't write {path}: {reason}.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(_taken(directory, path)) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _taken(directory: Path, path: Path) -> str:
    owner = path.read_text() or "unknown"
    return (
        f"The data directory {directory} is in use by process {owner}: stop that process, "
        "or give this one a data directory of its own."
    )
