"""The app as its clients see it: nothing but its HTTP API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from demo.client import JsonClient
from demo.errors import DemoError
from demo.mapping import ENTITY, FIELDS, SHARD_TYPE

_POLL_SECONDS = 0.2
_STALL_SECONDS = 120.0
"""A run that makes no progress for this long is given up on."""

_LARGEST_PAGE = "200"
_UNFINISHED = {"queued", "running"}


@dataclass(frozen=True)
class SyncResult:
    """A finished run. `seconds` from the request for it to its last write, the wait in the queue included."""

    status: str
    counts: dict[str, int]
    seconds: float

    @property
    def records_per_second(self) -> float:
        """Records read for each second."""
        return self.counts["read"] / self.seconds if self.seconds else 0.0


class App:
    """The integrations API, as a tenant's administrator."""

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def connect(self, server_url: str, bucket: str, collection: str) -> str:
        """Create and activate the integration with the record server; return its id."""
        order = {
            "providerId": "kinto",
            "name": "Airports",
            "settings": {"serverUrl": server_url, "bucket": bucket, "collection": collection},
            "entityMappings": [{"entity": ENTITY, "shardTypeId": SHARD_TYPE, "fields": FIELDS}],
            "syncConfig": {},
        }
        created = await self._client.send("POST", "/integrations", order)
        await self._client.send("POST", f"/integrations/{created.body['id']}/activate")
        return str(created.body["id"])

    async def sync(self, integration_id: str, progress: Callable[[int], None]) -> SyncResult:
        """Ask for an incremental sync and wait for its end; progress hears how many records have been read.

        Raises:
            DemoError: The run did not succeed, or it stands still.
        """
        order = {"mode": "incremental"}
        started = await self._client.send("POST", f"/integrations/{integration_id}/sync", order)
        run = await self._finished(f"/executions/{started.body['executionId']}", progress)
        if run["status"] != "succeeded":
            raise DemoError(f"The sync ended as {run['status']}: {run['error'] or run['counts']}")
        begun, ended = (datetime.fromisoformat(run[name]) for name in ("createdAt", "finishedAt"))
        return SyncResult(run["status"], run["counts"], (ended - begun).total_seconds())

    async def shards(self, integration_id: str) -> AsyncIterator[dict[str, Any]]:
        """Yield every airport that the app has, page by page."""
        query = {"type": SHARD_TYPE, "limit": _LARGEST_PAGE}
        while True:
            page = await self._client.send("GET", f"/integrations/{integration_id}/shards", query=query)
            for shard in page.body["items"]:
                yield shard
            if not page.body["continuation"]:
                return
            query["continuation"] = page.body["continuation"]

    async def _finished(self, path: str, progress: Callable[[int], None]) -> dict[str, Any]:
        read, moved_at = -1, time.monotonic()
        while True:
            run: dict[str, Any] = (await self._client.send("GET", path)).body
            if run["status"] not in _UNFINISHED:
                return run
            if run["counts"]["read"] != read:
                read, moved_at = run["counts"]["read"], time.monotonic()
                progress(read)
            if time.monotonic() - moved_at > _STALL_SECONDS:
                raise DemoError(f"The sync has stood still at {read} records for {_STALL_SECONDS:.0f} s.")
            await asyncio.sleep(_POLL_SECONDS)
