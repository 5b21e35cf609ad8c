"""Where the file archive keeps things, and how it reads them; every call blocks, and belongs in a thread.

An object `a/b` is the folder `objects/a/b+object` with two files, its content and its record. The sign `+`
can't be in a path, so objects and the folders above them never meet, even where `a` and `a/b` are both
objects. An object is made in `staging`, flushed to the disk, and becomes visible by one rename of its
folder: whoever sees it sees all of it, and a rename onto an object that is there fails.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from shared.backends.embedded.durable_files import file_lock, make_folder, sync_folder
from shared.domain.errors import ConfigurationError
from shared.domain.model import rfc3339
from shared.ports.archive import ArchivedObject

CONTENT = "content"
RECORD = "record.json"
_SUFFIX = "+object"


class ArchiveFolder:
    """The layout under one root folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._objects = root / "objects"
        self._staging = root / "staging"

    def prepare(self) -> None:
        """Make the folders, and sweep out what crashed puts left, unless a put is under way somewhere."""
        make_folder(self._objects)
        make_folder(self._staging)
        with suppress(BlockingIOError), self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB):
            for leftover in self._staging.iterdir():
                shutil.rmtree(leftover)

    def keep_staging(self) -> AbstractContextManager[None]:
        """Keep every sweep away for as long as a put is under way."""
        return self._lock(fcntl.LOCK_SH)

    def new_staging(self) -> Path:
        """Name a folder for an object in the making; it is not made yet."""
        return self._staging / uuid4().hex

    def place(self, path: str) -> Path:
        """Return the folder of the object at `path`, whether it is there or not."""
        return self._objects / f"{path}{_SUFFIX}"

    def settle(self, place: Path) -> None:
        """Wait until an object's folder, and all above it, are on the disk."""
        for folder in place.parents:
            sync_folder(folder)
            if folder == self._root:
                break

    def read_record(self, path: str) -> ArchivedObject | None:
        """Return an object's record, or None if there is no such object.

        Raises:
            ConfigurationError: The record is damaged.
        """
        with suppress(FileNotFoundError):
            return _record_from_json((self.place(path) / RECORD).read_bytes(), path)
        return None

    def read_block(self, path: str, offset: int, size: int) -> bytes | None:
        """Return up to `size` bytes of an object's content; nothing at its end, None if there is no object.

        The file is opened anew each time: a reader who stops half-way has nothing to close.
        """
        with suppress(FileNotFoundError), (self.place(path) / CONTENT).open("rb") as content:
            content.seek(offset)
            return content.read(size)
        return None

    def children(self, folder: str) -> list[str]:
        """Return what is right under a folder, in path order; folders end with `/`, and so does `folder`."""
        entries = (self._objects / folder).iterdir()
        return sorted(
            f"{folder}{entry.name.removesuffix(_SUFFIX)}" + ("" if entry.name.endswith(_SUFFIX) else "/")
            for entry in entries
        )

    def _lock(self, operation: int) -> AbstractContextManager[None]:
        return file_lock(self._root / "archive.lock", operation)


def record_to_json(record: ArchivedObject) -> bytes:
    """Write an object's record."""
    document = {
        "path": record.path,
        "sizeBytes": record.size_bytes,
        "sha256": record.sha256,
        "metadata": dict(record.metadata),
        "createdAt": rfc3339(record.created_at),
    }
    return json.dumps(document, indent=2).encode()


def _record_from_json(content: bytes, path: str) -> ArchivedObject:
    try:
        item = json.loads(content)
        created_at = datetime.fromisoformat(item["createdAt"])
        return ArchivedObject(item["path"], item["sizeBytes"], item["sha256"], item["metadata"], created_at)
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError(
            f"the archive's record of {path} is damaged: restore it from a backup"
        ) from None
