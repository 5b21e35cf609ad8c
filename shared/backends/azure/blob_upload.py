"""One object on its way into Blob Storage: blocks that nobody sees, and one commit that makes them a blob."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterable, Mapping
from datetime import datetime

from azure.core import MatchConditions
from azure.storage.blob import BlobBlock, StandardBlobTier
from azure.storage.blob.aio import BlobClient

from shared.backends.azure.blob_records import came_from, to_blob_metadata
from shared.backends.azure.service_calls import ServiceCalls
from shared.domain.errors import AlreadyExistsError, StaleWriteError
from shared.ports.archive import ArchivedObject

BLOCK_BYTES = 1024 * 1024
"""What one upload holds in memory, twice at most. Larger bodies would hold up the event loop (aiohttp warns).

A blob of 50,000 blocks (Azure's limit) may have 48 GB.
"""


class BlobUpload:
    """Made of `send` and then `commit`; what is never committed, Azure discards after a week.

    Args:
        upload_id: Of this upload alone, 32 characters: writers of the same path share the names of blocks.
    """

    def __init__(self, blob: BlobClient, calls: ServiceCalls, path: str, upload_id: str) -> None:
        self._blob = blob
        self._calls = calls
        self._path = path
        self._place = f"the archived object {path}"
        self._upload_id = upload_id
        self._blocks: list[BlobBlock] = []
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    async def send(self, content: AsyncIterable[bytes]) -> None:
        """Send the content block by block, while it comes."""
        pending = bytearray()
        async for chunk in content:
            pending += chunk
            while len(pending) >= BLOCK_BYTES:
                await self._send_block(bytes(pending[:BLOCK_BYTES]))
                del pending[:BLOCK_BYTES]
        if pending:
            await self._send_block(bytes(pending))

    async def commit(
        self, metadata: Mapping[str, str], created_at: datetime, tier: StandardBlobTier
    ) -> ArchivedObject:
        """Make the object visible if the path is free.

        Raises:
            AlreadyExistsError: Somebody else took the path.
        """
        record = ArchivedObject(self._path, self._size_bytes, self._digest.hexdigest(), metadata, created_at)
        try:
            await self._calls.call(self._place, lambda: self._commit(record, tier))
        except (AlreadyExistsError, StaleWriteError):
            await self._require_ours()
        return record

    async def _commit(self, record: ArchivedObject, tier: StandardBlobTier) -> None:
        await self._blob.commit_block_list(
            self._blocks,
            metadata=to_blob_metadata(record, self._upload_id),
            standard_blob_tier=tier,
            match_condition=MatchConditions.IfMissing,
        )

    async def _require_ours(self) -> None:
        """Return if what has the path came from here: from a commit whose answer was lost."""
        held = await self._calls.call(self._place, self._blob.get_blob_properties)
        if not came_from(held, self._upload_id):
            raise AlreadyExistsError(f"the archive already holds {self._path}")

    async def _send_block(self, block: bytes) -> None:
        block_id = f"{self._upload_id}-{len(self._blocks):05d}"
        await asyncio.to_thread(self._digest.update, block)
        await self._calls.call(self._place, lambda: self._blob.stage_block(block_id, block, len(block)))
        self._blocks.append(BlobBlock(block_id))
        self._size_bytes += len(block)
