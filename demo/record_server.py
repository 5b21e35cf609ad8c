"""The record server of the demonstration: Kinto in its own process, filled and edited by its HTTP API.

Kinto's protocol: https://docs.kinto-storage.org/en/stable/api/1.x/ (batch, records, `Next-Page`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from demo.client import JsonClient
from demo.errors import DemoError

Record = dict[str, Any]
Progress = Callable[[int], None]

BUCKET = "demo"
COLLECTION = "airports"
LOGIN = "demo:demo"
"""Kinto's basicauth policy takes any name and password; reading needs none here."""

_COLLECTION_PATH = f"/buckets/{BUCKET}/collections/{COLLECTION}"
RECORDS_PATH = f"{_COLLECTION_PATH}/records"

_BATCH_SIZE = 500
"""Requests in one batch. Kinto works them off one by one at about 0.85 ms each; more connections do not help
(28,298 records measured: 100 in a batch 29 s, 500 in a batch 24 s, 500 over three connections 30 s)."""

_PAGE_SIZE = 1000

_CONFIGURATION = """\
[server:main]
use = egg:waitress#main
host = 127.0.0.1
port = %(http_port)s

[app:main]
use = egg:kinto
kinto.storage_backend = kinto.core.storage.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.userid_hmac_secret = nothing-to-protect-here
multiauth.policies = basicauth
# The bucket's permissions say it all. With an owner kept for each record, the memory backend looks
# through all of them at every write, and loading takes four times as long.
kinto.explicit_permissions = false
kinto.batch_max_requests = {batch_size}

[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = plain

[logger_root]
level = WARNING
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain

[formatter_plain]
format = %(asctime)s %(levelname)s %(name)s %(message)s
"""


def write_configuration(folder: Path) -> Path:
    """Write Kinto's configuration (everything in memory) and return where it is."""
    path = folder / "kinto.ini"
    path.write_text(_CONFIGURATION.replace("{batch_size}", str(_BATCH_SIZE)))
    return path


def record_id(airport: Record) -> str:
    """Return an airport's record id. The prefix is there since some codes begin with `_`, which no id may."""
    return f"airport-{airport['icao']}"


class RecordServer:
    """The collection of airports on a running Kinto."""

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def create_collection(self) -> None:
        """Make the bucket and the collection: anybody reads, who logs in writes."""
        permissions = {"read": ["system.Everyone"], "write": ["system.Authenticated"]}
        await self._client.send("PUT", f"/buckets/{BUCKET}", {"permissions": permissions})
        await self._client.send("PUT", _COLLECTION_PATH, {})

    async def put(self, airports: Sequence[Record], progress: Progress) -> None:
        """Store airports; progress hears how many more are stored."""
        await self._batch("PUT", {record_id(airport): airport for airport in airports}, progress)

    async def change(self, changes: Mapping[str, Record], progress: Progress) -> None:
        """Change some fields of some records, by record id."""
        await self._batch("PATCH", changes, progress)

    async def delete(self, ids: Sequence[str], progress: Progress) -> None:
        """Delete records."""
        await self._batch("DELETE", dict.fromkeys(ids), progress)

    async def records(self) -> AsyncIterator[Record]:
        """Yield every record that is there now, page by page."""
        path, query = RECORDS_PATH, {"_limit": str(_PAGE_SIZE)}
        while path:
            answer = await self._client.send("GET", path, query=query)
            for record in answer.body["data"]:
                yield record
            path, query = answer.headers.get("Next-Page", ""), {}

    async def _batch(self, method: str, bodies: Mapping[str, Record | None], progress: Progress) -> None:
        requests = [
            {"path": f"{RECORDS_PATH}/{key}"} | ({"body": {"data": data}} if data is not None else {})
            for key, data in bodies.items()
        ]
        for start in range(0, len(requests), _BATCH_SIZE):
            part = requests[start : start + _BATCH_SIZE]
            batch = {"defaults": {"method": method}, "requests": part}
            answer = await self._client.send("POST", "/batch", batch)
            _raise_for_failures(answer.body["responses"])
            progress(len(part))


def _raise_for_failures(responses: Sequence[Record]) -> None:
    failed = [response for response in responses if response["status"] >= HTTPStatus.BAD_REQUEST]
    if failed:
        raise DemoError(f"Kinto refused {len(failed)} requests of a batch, the first: {failed[0]}")
