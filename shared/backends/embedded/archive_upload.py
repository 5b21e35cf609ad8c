"""One object on its way into the file archive; every call blocks, and belongs in a thread."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import NoReturn

from shared.backends.embedded.archive_folder import CONTENT, RECORD, ArchiveFolder, record_to_json
from shared.backends.embedded.durable_files import make_folder, sync_folder, write_file
from shared.domain.errors import AlreadyExistsError
from shared.ports.archive import ArchivedObject

READ_ONLY = 0o400


class ArchiveUpload:
    """Made of `begin`, any number of `write`s, `publish`; then `end`, whatever happened before."""

    def __init__(self, folder: ArchiveFolder, path: str) -> None:
        self._folder = folder
        self._path = path
        self._place = folder.place(path)
        self._staged = folder.new_staging()
        self._digest = hashlib.sha256()
        self._size_bytes = 0
        self._resources = ExitStack()

    def begin(self) -> None:
        """Open the file that the content goes to.

        Raises:
            AlreadyExistsError: The path is taken.
        """
        if self._place.exists():
            self._refuse()
        self._resources.enter_context(self._folder.keep_staging())
        self._resources.callback(shutil.rmtree, self._staged, ignore_errors=True)
        self._staged.mkdir(mode=0o700)
        descriptor = os.open(self._staged / CONTENT, os.O_WRONLY | os.O_CREAT | os.O_EXCL, READ_ONLY)
        self._content = self._resources.enter_context(os.fdopen(descriptor, "wb"))

    def write(self, block: bytes | bytearray) -> None:
        """Append to the content."""
        self._digest.update(block)
        self._size_bytes += len(block)
        self._content.write(block)

    def publish(self, metadata: Mapping[str, str], created_at: datetime) -> ArchivedObject:
        """Make the object visible, once all of it is on the disk.

        Raises:
            AlreadyExistsError: Somebody else took the path in the meantime.
        """
        self._content.flush()
        os.fsync(self._content.fileno())
        record = ArchivedObject(self._path, self._size_bytes, self._digest.hexdigest(), metadata, created_at)
        write_file(self._staged / RECORD, record_to_json(record), READ_ONLY)
        sync_folder(self._staged)
        make_folder(self._place.parent)
        try:
            self._staged.rename(self._place)
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                self._refuse()
            raise
        self._folder.settle(self._place)
        return record

    def end(self) -> None:
        """Close what is open, and remove what was not published."""
        self._resources.close()

    def _refuse(self) -> NoReturn:
        # Who put it may have died before it was lasting; whoever is told that it is there may rely on it.
        self._folder.settle(self._place)
        raise AlreadyExistsError(f"the archive already holds {self._path}")
