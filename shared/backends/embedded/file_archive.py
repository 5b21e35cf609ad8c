"""The archive of one laptop: a folder whose objects are never changed."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from pathlib import Path
from typing import Self

from shared.backends.archive_check import holds
from shared.backends.archive_rules import check_metadata, check_path
from shared.backends.embedded.archive_folder import ArchiveFolder
from shared.backends.embedded.archive_upload import ArchiveUpload
from shared.backends.embedded.durable_files import in_thread
from shared.domain.errors import NotFoundError
from shared.ports.archive import ArchivedObject
from shared.ports.clock import Clock

BLOCK_BYTES = 1024 * 1024
"""How much is read or written at once."""


class FileArchive:
    """`Archive` on a folder; `open` makes one. Several archives, in several processes, may use one folder."""

    def __init__(self, folder: ArchiveFolder, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    @classmethod
    async def open(cls, root: Path, clock: Clock) -> Self:
        """Open the archive in a folder, make it if missing, and sweep out what crashed puts left.

        Raises:
            UnavailableError: The file system refused or failed.
        """
        folder = ArchiveFolder(root)
        await in_thread(folder.prepare)
        return cls(folder, clock)

    async def put(
        self, path: str, content: AsyncIterable[bytes], metadata: Mapping[str, str] | None = None
    ) -> ArchivedObject:
        """Store a stream as one object; it is there whole or not at all (see `Archive.put`)."""
        check_path(path)
        kept_metadata = dict(metadata or {})
        check_metadata(kept_metadata)
        upload = ArchiveUpload(self._folder, path)
        try:
            await in_thread(upload.begin)
            await _write_all(upload, content)
            return await in_thread(upload.publish, kept_metadata, self._clock.now())
        finally:
            await in_thread(upload.end)

    async def get(self, path: str) -> AsyncIterator[bytes]:
        """Stream an object's content in blocks of 1 MB (see `Archive.get`)."""
        check_path(path)
        offset = 0
        while block := await self._read_block(path, offset):
            yield block
            offset += len(block)

    async def stat(self, path: str) -> ArchivedObject | None:
        """Return what is known about an object without reading it, or None."""
        check_path(path)
        return await in_thread(self._folder.read_record, path)

    async def list(self, prefix: str = "") -> AsyncIterator[ArchivedObject]:
        """Yield the objects whose path starts with `prefix`, in path order."""
        pending = [""]
        while pending:
            path = pending.pop()
            if path and not path.endswith("/"):
                record = await in_thread(self._folder.read_record, path)
                if record is not None:
                    yield record
                continue
            children = await in_thread(self._folder.children, path)
            pending.extend(child for child in reversed(children) if _may_match(child, prefix))

    async def verify(self, path: str) -> bool:
        """Read the object back and compare it with what `put` recorded (see `Archive.verify`)."""
        recorded = await self.stat(path)
        if recorded is None:
            raise _not_found(path)
        try:
            return await holds(recorded, self.get(path))
        except NotFoundError:  # the record is there, its content is gone
            return False

    async def _read_block(self, path: str, offset: int) -> bytes:
        block = await in_thread(self._folder.read_block, path, offset, BLOCK_BYTES)
        if block is None:
            raise _not_found(path)
        return block


async def _write_all(upload: ArchiveUpload, content: AsyncIterable[bytes]) -> None:
    block = bytearray()
    async for chunk in content:
        block += chunk
        if len(block) >= BLOCK_BYTES:
            await in_thread(upload.write, block)
            block = bytearray()
    await in_thread(upload.write, block)


def _may_match(child: str, prefix: str) -> bool:
    return child.startswith(prefix) or (child.endswith("/") and prefix.startswith(child))


def _not_found(path: str) -> NotFoundError:
    return NotFoundError(f"the archive holds no {path}")
