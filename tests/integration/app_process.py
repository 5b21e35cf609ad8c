"""The app as a process of its own, which may die at any moment, and its API."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp

from tests.doubles.observed import saw
from tests.integration.free_port import free_port

ROOT = Path(__file__).parents[2]
START_TIMEOUT_SECONDS = 60.0
RUN_TIMEOUT_SECONDS = 240.0
FINAL = {"succeeded", "partial", "failed", "cancelled"}


class AppProcess:
    """Starts, loses and restarts the app over one data folder.

    Args:
        folder: For data and log.
        session: For calls to the API.
        environment: `development`, `staging` or `production`: how much one message does.
        variables: Further settings; an embedded backend without them.
        token: For calls to the API; the app's own identity issues one without it.
    """

    def __init__(
        self,
        folder: Path,
        session: aiohttp.ClientSession,
        environment: str,
        variables: Mapping[str, str] | None = None,
        token: str = "",
    ) -> None:
        self._folder = folder
        self._session = session
        self._port = free_port()
        self._environment = {
            **os.environ,
            "INTEGRATIONS_BACKEND": "embedded",
            "INTEGRATIONS_ENVIRONMENT": environment,
            "INTEGRATIONS_DATA_DIR": str(folder / "data"),
            "INTEGRATIONS_LOG_LEVEL": "warning",
            "INTEGRATIONS_PUBLIC_URL": self.url,
            **(variables or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._token = token

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def token(self) -> str:
        """The tenant administrator's, once the app has started."""
        return self._token

    @property
    def log(self) -> str:
        """What the app has written to standard error."""
        return (self._folder / "app.log").read_text()

    async def start(self, *death: str) -> None:
        """Start the app and wait until it is ready; `death` says when to die (see killable_host)."""
        module = ["tests.integration.killable_host", *death] if death else ["devhost"]
        command = [sys.executable, "-m", *module, "--port", str(self._port), "--quiet"]
        command += ["--keys-file", str(self._folder / "keys.json")]
        with (self._folder / "app.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        if not self._token:
            self._token = self._issue_token("--role", "tenant_admin", "--tenant", "acme")
        async with asyncio.timeout(START_TIMEOUT_SECONDS):
            while not await self._is_ready():
                assert not self.is_dead or death, self.log
                if self.is_dead:
                    return
                await asyncio.sleep(0.02)

    @property
    def is_dead(self) -> bool:
        """True once the process has ended, however it did."""
        return self._process is None or self._process.poll() is not None

    async def wait_for_death(self) -> None:
        """Return once the process has ended."""
        async with asyncio.timeout(RUN_TIMEOUT_SECONDS):
            while not self.is_dead:
                await asyncio.sleep(0.005)

    def kill(self) -> None:
        """End the process at once. Idempotent."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Remove the data folder of a process that has ended, and the token that its key had signed."""
        assert self.is_dead
        shutil.rmtree(self._folder / "data", ignore_errors=True)
        self._token = ""

    async def add_provider(self, document: dict[str, Any]) -> None:
        """Add a provider to the catalogue, as a super admin."""
        await self.call("POST", "providers", document, self._issue_token("--role", "super_admin"))

    async def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """Call the API, as the tenant's administrator or with another's token; return the answer's body."""
        headers = {"Authorization": f"Bearer {token or self._token}"}
        url = f"{self.url}/api/{path}"
        timeout = aiohttp.ClientTimeout(total=60)
        async with self._session.request(method, url, json=body, headers=headers, timeout=timeout) as answer:
            saw("an answer of the API", await answer.read())
            content = await answer.json(content_type=None)
            assert answer.status < 400, content
            return content

    async def finished(self, execution_id: str) -> dict[str, Any]:
        """Return the run once it has ended."""
        async with asyncio.timeout(RUN_TIMEOUT_SECONDS):
            while True:
                execution: dict[str, Any] = await self.call("GET", f"executions/{execution_id}")
                if execution["status"] in FINAL:
                    return execution
                await asyncio.sleep(0.05)

    async def shards(self, integration_id: str) -> dict[str, dict[str, Any]]:
        """Return the data of every live shard of the integration, by its record's id."""
        found: dict[str, dict[str, Any]] = {}
        continuation: str | None = ""
        while continuation is not None:
            query = f"?limit=200{continuation and '&continuation='}{continuation}"
            page = await self.call("GET", f"integrations/{integration_id}/shards{query}")
            found.update((item["source"]["externalId"], item["data"]) for item in page["items"])
            continuation = page["continuation"]
        return found

    async def quarantined(self, integration_id: str) -> list[str]:
        """Return the ids of the records that were put aside, each as often as it is there."""
        found: list[str] = []
        continuation: str | None = ""
        while continuation is not None:
            query = f"?limit=200{continuation and '&continuation='}{continuation}"
            page = await self.call("GET", f"integrations/{integration_id}/quarantine{query}")
            found += [item["externalId"] for item in page["items"]]
            continuation = page["continuation"]
        return sorted(found)

    async def let_silence_pass(self) -> None:
        """Make unfinished runs of a dead app overdue, as they are after a quarter of an hour."""
        assert self.is_dead
        with closing(sqlite3.connect(self._folder / "data" / "documents.db")) as connection, connection:
            rows = connection.execute('SELECT rowid, body FROM "sync-executions"').fetchall()
            for rowid, body in rows:
                overdue = {**json.loads(body), "expectedBy": "2000-01-01T00:00:00.000000Z"}
                parameters = (json.dumps(overdue), rowid)
                connection.execute('UPDATE "sync-executions" SET body = ? WHERE rowid = ?', parameters)

    async def run_timer(self, name: str) -> None:
        """Run a timer function now."""
        key = json.loads((self._folder / "keys.json").read_text())["admin"]
        url = f"{self.url}/admin/functions/{name}"
        async with self._session.post(url, json={}, headers={"x-functions-key": key}) as answer:
            assert answer.status < 300, await answer.text()

    async def _is_ready(self) -> bool:
        try:
            async with self._session.get(f"{self.url}/api/health/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def _issue_token(self, *options: str) -> str:
        command = [sys.executable, "-m", "ops", "token", "--user", "ada", *options]
        result = subprocess.run(
            command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=True, timeout=60
        )
        return result.stdout.strip()
