"""The adapters that the contract about single records holds for: the real one, and its fake."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web

from shared.adapters.registry import AdapterRegistry
from shared.ports.adapter import Adapter
from tests.fakes.adapter import FakeAdapter
from tests.fakes.clock import FakeClock
from tests.unit.adapters.rest.reading import open_adapter

ONE = "/things/{record.id}"
CONDITION = {"header": "If-Match"}
REST: dict[str, Any] = {
    "baseUrl": "{serverUrl}",
    "entities": {
        "thing": {
            "list": {"path": "/things"},
            "id": "id",
            "deleted": "gone",
            "version": "rev",
            "get": {"path": ONE},
            "create": {"path": "/things", "idempotencyKey": {"header": "Idempotency-Key"}},
            "update": {"path": ONE, "condition": CONDITION},
            "delete": {"path": ONE, "condition": CONDITION},
            "search": {"path": "/search", "query": {"q": "{search.text}", "limit": "{search.limit}"}},
        }
    },
}


class _Things:
    """A REST API over a dictionary: versions, conditions, keys, tombstones."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}

    def routes(self) -> list[web.RouteDef]:
        one = "/things/{id}"
        return [
            web.get("/things", self.list),
            web.post("/things", self.create),
            web.get(one, self.get),
            web.patch(one, self.update),
            web.delete(one, self.delete),
            web.get("/search", self.search),
        ]

    async def list(self, _: web.Request) -> web.Response:
        return web.json_response(list(self.things.values()))

    async def create(self, request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        if key not in self.keys:
            self.keys[key] = f"t{len(self.keys)}"
            self._store(self.keys[key], orjson.loads(await request.read()))
        return web.json_response(self.things[self.keys[key]], status=201)

    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(self._expected(request))

    async def update(self, request: web.Request) -> web.Response:
        fields = orjson.loads(await request.read())
        return web.json_response(self._store(request.match_info["id"], {**self._expected(request), **fields}))

    async def delete(self, request: web.Request) -> web.Response:
        self._expected(request)
        self._store(request.match_info["id"], {"gone": True})
        return web.Response(status=204)

    async def search(self, request: web.Request) -> web.Response:
        living = [thing for thing in self.things.values() if not thing.get("gone")]
        found = [thing for thing in living if request.query["q"] in str(thing)]
        return web.json_response(found[: int(request.query["limit"])])

    def _store(self, key: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        rev = self.things.get(key, {"rev": 0})["rev"] + 1
        self.things[key] = {**fields, "id": key, "rev": rev}
        return self.things[key]

    def _expected(self, request: web.Request) -> dict[str, Any]:
        thing = self.things.get(request.match_info["id"])
        if thing is None or thing.get("gone"):
            raise web.HTTPNotFound
        if request.headers.get("If-Match") not in {None, str(thing["rev"])}:
            raise web.HTTPPreconditionFailed
        return thing


@asynccontextmanager
async def _rest() -> AsyncIterator[Adapter]:
    app = web.Application()
    app.add_routes(_Things().routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    registry = AdapterRegistry(FakeClock(), allow_private_addresses=True)
    try:
        yield open_adapter(registry, f"http://127.0.0.1:{runner.addresses[0][1]}", REST)
    finally:
        await registry.close()
        await runner.cleanup()


@asynccontextmanager
async def _fake() -> AsyncIterator[Adapter]:
    yield FakeAdapter([], page_size=100)


BACKENDS: Mapping[str, Callable[[], AbstractAsyncContextManager[Adapter]]] = {"rest": _rest, "fake": _fake}


@pytest.fixture(params=sorted(BACKENDS))
async def adapter(request: pytest.FixtureRequest) -> AsyncIterator[Adapter]:
    async with BACKENDS[request.param]() as opened:
        yield opened
