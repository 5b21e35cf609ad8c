"""The whole app in this process: its registered functions in a devhost, on an embedded backend of its own."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from devhost.host import Host
from devhost.host_json import read_host_json
from devhost.indexing import index
from devhost.keys import Keys
from function_app import app
from shared import bootstrap
from shared.backends.system_clock import SystemClock
from shared.domain.caller import Role
from shared.ports.queue import MessageSource
from tests.doubles.observed import saw

ROOT = Path(__file__).parents[3]
FUNCTIONS = index(app, {})
KEYS = Keys(function="function-key", admin="admin-key")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def wrong_fields(self) -> list[str]:
        return sorted(error["field"] for error in self.body["errors"])


class Client:
    """Calls the API as one caller."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str | None) -> None:
        self._session = session
        self._url = url
        self._token = token

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Call `/api/{path}`. Header names take `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._token:
            named.setdefault("Authorization", f"Bearer {self._token}")
        sent: dict[str, Any] = {"data": io.BytesIO(body)} if isinstance(body, bytes) else {"json": body}
        async with self._session.request(method, f"{self._url}/api/{path}", headers=named, **sent) as answer:
            content = await answer.read()
            saw("an answer of the API", content)
            parsed = await answer.json(content_type=None) if content else None
            return Reply(answer.status, answer.headers, parsed)


class LiveApp:
    """A running app."""

    def __init__(self, session: aiohttp.ClientSession, url: str, data_folder: Path) -> None:
        self._session = session
        self.url = url
        self.data_folder = data_folder

    def client(self, *roles: Role, tenant: str | None = "acme", user: str = "ada") -> Client:
        token = bootstrap.local_identity().issue(user, tenant, roles, 3600)
        return Client(self._session, self.url, token)

    def with_token(self, token: str | None) -> Client:
        return Client(self._session, self.url, token)

    @property
    def admin(self) -> Client:
        return self.client(Role.TENANT_ADMIN)


@asynccontextmanager
async def live_app(
    folder: Path, monkeypatch: pytest.MonkeyPatch, settings: Iterable[tuple[str, str]] = ()
) -> AsyncIterator[LiveApp]:
    """Start the app with a data folder of its own, and stop it again."""
    for name, value in (("DATA_DIR", str(folder / "data")), ("LOG_LEVEL", "error"), *settings):
        monkeypatch.setenv(f"INTEGRATIONS_{name}", value)

    async def open_source() -> MessageSource:
        return (await bootstrap.runtime()).message_source

    host = Host(FUNCTIONS, read_host_json(ROOT / "host.json"), KEYS, open_source, SystemClock(), lambda: 0.5)
    try:
        url = await host.start("127.0.0.1", 0, 5)
        async with aiohttp.ClientSession() as session:
            yield LiveApp(session, url, folder / "data")
    finally:
        await host.stop(5)
        await bootstrap.close()
