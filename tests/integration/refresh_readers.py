"""Many who read behind a gate at once, with one connection: in this process, or through two running apps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from shared.backends.system_clock import SystemClock
from shared.domain.errors import IntegrationError
from shared.ports.adapter import FetchRequest
from shared.services.access_tokens import AccessTokens
from tests.doubles.cloud import local_cloud
from tests.integration.app_process import AppProcess
from tests.integration.oidc_world import CLIENT, PERSON, OidcWorld, gated_kinto, oidc_world

ROWS = 20
MAPPING = {
    "entity": "record",
    "shardTypeId": "row",
    "fields": [{"externalField": "number", "shardField": "number"}],
}
_HOW_LONG = "performance"
"""The step of a connection test that fails on a slow machine."""


class Readers(Protocol):
    async def read(self, count: int) -> int:
        """Let so many read at once; return how many got what they came for."""
        ...


class ReadersHere:
    """Read pages by adapters of one process of the app."""

    def __init__(self, world: OidcWorld) -> None:
        self._world = world
        self._process: AccessTokens = world.process()

    async def read(self, count: int) -> int:
        return sum(await asyncio.gather(*(self._read() for _ in range(count))))

    async def _read(self) -> bool:
        adapter = await self._world.adapter(self._process)
        try:
            page = await adapter.fetch_page(FetchRequest("record", None, None, ROWS))
        except IntegrationError as error:
            print(f"A reader failed: {error}")
            return False
        return len(page.records) == ROWS


class ReadersThere:
    """Test the connection through the API of two instances of the app; one of all is a whole sync."""

    def __init__(self, apps: tuple[AppProcess, AppProcess], integration_id: str) -> None:
        self._apps = apps
        self._path = f"integrations/{integration_id}"

    async def read(self, count: int) -> int:
        testers = [self._test(self._apps[number % 2]) for number in range(count - 1)]
        return sum(await asyncio.gather(self._sync(), *testers))

    async def _test(self, app: AppProcess) -> bool:
        report = await app.call("POST", f"{self._path}/test")
        steps = [step for step in report["steps"] if step["name"] != _HOW_LONG]
        passed = all(step["outcome"] == "passed" for step in steps)
        if not passed:
            print(f"A test failed: {report}")
        return passed

    async def _sync(self) -> bool:
        started = await self._apps[0].call("POST", f"{self._path}/sync", {"mode": "full"})
        finished = await self._apps[1].finished(started["executionId"])
        if finished["status"] != "succeeded":
            print(f"A sync failed: {finished}")
        return bool(finished["status"] == "succeeded")


@asynccontextmanager
async def readers_here(
    folder: Path, settings: Mapping[str, str], refresh_token: str
) -> AsyncIterator[ReadersHere]:
    async with oidc_world(folder, gated_kinto(PERSON)) as world:
        await world.connect(settings, refreshToken=refresh_token)
        yield ReadersHere(world)


@asynccontextmanager
async def readers_there(
    folder: Path, settings: Mapping[str, str], refresh_token: str
) -> AsyncIterator[ReadersThere]:
    """Run two instances of the app on doubles of Azure's services."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        cloud = await stack.enter_async_context(local_cloud(folder, SystemClock()))
        variables = {
            **cloud.environment,
            "INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES": "true",
            "INTEGRATIONS_LOG_LEVEL": "debug",  # so that hygiene sees everything
        }
        token = cloud.identity.issue("ada", "acme", ["tenant_admin"])

        async def start(name: str) -> AppProcess:
            (folder / name).mkdir()
            app = AppProcess(folder / name, session, "production", variables, token)
            stack.callback(app.kill)
            await app.start()
            return app

        apps = await start("one"), await start("two")
        root = cloud.identity.issue("root", None, ["super_admin"])
        await apps[0].call("POST", "providers", gated_kinto(PERSON), root)
        yield ReadersThere(apps, await _integration(apps[0], settings, refresh_token))


async def _integration(app: AppProcess, settings: Mapping[str, str], refresh_token: str) -> str:
    new: dict[str, Any] = {
        "providerId": "gated-kinto",
        "name": "Rows",
        "settings": dict(settings),
        "entityMappings": [MAPPING],
    }
    made = str((await app.call("POST", "integrations", new))["id"])
    values = {**CLIENT, "refreshToken": refresh_token}
    await app.call("PUT", f"integrations/{made}/credentials", {"values": values})
    await app.call("POST", f"integrations/{made}/activate")
    return made
