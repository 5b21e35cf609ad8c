"""A real Kinto server in a process of its own, and the few requests that tests make of it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.free_port import free_port

ROOT = Path(__file__).parents[2]
BATCH_SIZE = 500
START_TIMEOUT_SECONDS = 60.0

CONFIGURATION = """
[server:main]
use = egg:waitress#main
host = 127.0.0.1
port = {port}

[app:main]
use = egg:kinto
kinto.storage_backend = kinto.core.storage.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.userid_hmac_secret = for-tests-only
kinto.bucket_create_principals = system.Everyone
kinto.batch_max_requests = {batch_size}
kinto.explicit_permissions = false
kinto.storage_max_fetch_size = 1000000
"""


def kinto_executable() -> Path:
    """Return where Kinto is installed: `KINTO_BIN`, or the environment that `make` makes for it.

    Without one, the test is skipped, or fails where `CI` is set.
    """
    path = Path(os.environ.get("KINTO_BIN", ROOT / ".venv-kinto/bin/kinto"))
    if path.is_file():
        return path
    reason = f"needs a Kinto server: {path} is not there; `make test` installs it, or set KINTO_BIN"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class KintoServer:
    """A server with its data in memory: a stop forgets everything."""

    def __init__(self, executable: Path, folder: Path) -> None:
        self._executable = executable
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()

    @property
    def url(self) -> str:
        """Where it answers, without /v1."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start the process, and return once it answers."""
        configuration = self._folder / "kinto.ini"
        configuration.write_text(CONFIGURATION.format(port=self._port, batch_size=BATCH_SIZE))
        with self._log.open("wb") as log:
            command = [str(self._executable), "start", "--ini", str(configuration)]
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        self._wait_until_it_answers(self._process)

    def stop(self) -> None:
        """Kill the process. Idempotent."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    @property
    def _log(self) -> Path:
        return self._folder / "kinto.log"

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"Kinto did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=1)
        try:
            connection.request("GET", "/v1/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class KintoCollection:
    """One collection of one bucket, as its users write it."""

    def __init__(self, session: aiohttp.ClientSession, bucket: str, collection: str) -> None:
        self._session = session
        self._bucket = f"/v1/buckets/{bucket}"
        self._path = f"{self._bucket}/collections/{collection}"

    async def create(self) -> None:
        """Create the bucket and the collection, where they are not there yet."""
        await self._send("PUT", self._bucket, {"permissions": {"write": ["system.Everyone"]}})
        await self._send("PUT", self._path, {})

    async def put(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Create or replace records by their `id`, in order, in batches."""
        await self._batch("PUT", [(record["id"], {"data": dict(record)}) for record in records])

    async def patch(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Change fields of records, by id."""
        await self._batch("PATCH", [(key, {"data": dict(change)}) for key, change in changes.items()])

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete records, which leaves tombstones."""
        await self._batch("DELETE", [(key, None) for key in ids])

    async def all(self) -> dict[str, dict[str, Any]]:
        """Return all living records by id, read in one request: the truth to compare with."""
        answer = await self._send("GET", f"{self._path}/records")
        return {record["id"]: record for record in answer["data"]}

    async def _batch(self, method: str, changes: Sequence[tuple[str, dict[str, Any] | None]]) -> None:
        for start in range(0, len(changes), BATCH_SIZE):
            requests = [
                {"path": f"{self._path}/records/{key}", **({"body": body} if body else {})}
                for key, body in changes[start : start + BATCH_SIZE]
            ]
            answer = await self._send(
                "POST", "/v1/batch", {"defaults": {"method": method}, "requests": requests}
            )
            failed = [each for each in answer["responses"] if each["status"] >= 400]
            assert not failed, failed[0]

    async def _send(self, method: str, path: str, body: object = None) -> Any:
        async with self._session.request(method, path, json=body) as response:
            answer = await response.json()
            assert response.ok, answer
            return answer


@asynccontextmanager
async def kinto_collection(url: str, bucket: str, collection: str) -> AsyncIterator[KintoCollection]:
    """Open an existing or new collection of a server, for as long as the block lasts."""
    async with aiohttp.ClientSession(url) as session:
        opened = KintoCollection(session, bucket, collection)
        await opened.create()
        yield opened
