"""Files that survive a crash: written whole or not at all, and there once the call returns (POSIX)."""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from shared.domain.errors import ConfigurationError, UnavailableError

P = ParamSpec("P")
T = TypeVar("T")

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run file work in a thread.

    A thread can't be stopped: a cancelled caller waits for it to end, so that nobody starts to work on the
    same file beside it.

    Raises:
        UnavailableError: The file system refused or failed.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except OSError as error:
        raise UnavailableError(f"the data folder does not answer: {error}") from error
    except asyncio.CancelledError:
        with suppress(Exception):
            await running
        raise


@contextmanager
def file_lock(path: Path, operation: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold an advisory lock between threads and processes; it ends with the process that holds it.

    Args:
        path: The lock's file, made if missing. It stays: removing it would let two owners in.
        operation: `fcntl.LOCK_EX` or `LOCK_SH`, with `LOCK_NB` for not waiting.

    Raises:
        BlockingIOError: Somebody else holds it, and `LOCK_NB` was given.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the folder's entries are on the disk: a rename is lasting only then."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file and wait until its content is on the disk; not atomic, and no wait for its folder."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def replace_file(path: Path, content: bytes) -> None:
    """Give a private file new content: a crash at any moment leaves the old or the new one.

    The caller holds a lock: two writers at once would share the temporary file. What a crash leaves of that
    file is overwritten by the next write.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    write_file(temporary, content)
    temporary.replace(path)
    sync_folder(path.parent)


def read_private_file(path: Path) -> bytes | None:
    """Read a file that holds a key; None if there is none.

    Raises:
        ConfigurationError: Others may read it, so the key may be known already.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & _OTHERS:
            raise ConfigurationError(
                f"{path} must be readable by its owner alone, not mode {mode:04o}: chmod 600 it"
            )
        return file.read()
