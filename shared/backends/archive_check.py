"""Whether an archived object still is what was put."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

from shared.ports.archive import ArchivedObject


async def holds(recorded: ArchivedObject, content: AsyncIterator[bytes]) -> bool:
    """Read the content to its end; return whether size and SHA-256 are those recorded."""
    digest = hashlib.sha256()
    size_bytes = 0
    async for block in content:
        await asyncio.to_thread(digest.update, block)
        size_bytes += len(block)
    return (size_bytes, digest.hexdigest()) == (recorded.size_bytes, recorded.sha256)
