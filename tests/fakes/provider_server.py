"""A provider on this machine: things by pages over real HTTP, and faults on demand."""

from __future__ import annotations

import asyncio
import gzip
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

from shared.domain.provider import ProviderDocument

Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]

DOCUMENT: dict[str, Any] = {
    "id": "things",
    "category": "test",
    "displayName": "Things",
    "settings": {"serverUrl": {"kind": "url"}, "shelf": {}},
    "rest": {
        "baseUrl": "{serverUrl}/api",
        "entities": {
            "thing": {
                "list": {
                    "path": "/shelves/{shelf}/things",
                    "query": {"sort": "changed"},
                    "headers": {"X-Shelf": "{shelf}"},
                },
                "records": "answer.items",
                "id": "id",
                "modified": "meta.changed",
                "deleted": "gone",
                "page": {"parameter": "limit", "max": 100},
                "pagination": {"kind": "nextUrl", "header": "Next-Page"},
                "increment": {"parameter": "since", "field": "meta.changed", "type": "integer", "initial": 0},
            }
        },
    },
}


def things_document() -> ProviderDocument:
    """Return the document that describes this server."""
    return ProviderDocument.model_validate(DOCUMENT)


def thing(number: int, *, gone: bool = False) -> dict[str, Any]:
    return {"id": f"t{number}", "meta": {"changed": number}, "gone": gone}


class ProviderServer:
    """Answers `GET /api/shelves/{shelf}/things` from `things`, or as `handler` does.

    Each fault takes the place of one answer.
    """

    def __init__(self) -> None:
        self.things: list[dict[str, Any]] = []
        self.faults: deque[Fault] = deque()
        self.handler: Fault | None = None
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.url = ""

    @property
    def targets(self) -> list[str]:
        """Path and query of every request so far."""
        return [request.raw_path for request in self.requests]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        if self.faults:
            return await self.faults.popleft()(request)
        if self.handler:
            return await self.handler(request)
        if not request.path.startswith("/api/shelves/"):
            return web.Response(status=404)
        return self._page(request)

    def _page(self, request: web.Request) -> web.Response:
        since, limit = int(request.query["since"]), int(request.query["limit"])
        offset = int(request.query.get("offset", "0"))
        changed = [each for each in self.things if each["meta"]["changed"] > since]
        headers = {}
        if offset + limit < len(changed):
            headers["Next-Page"] = str(request.url.update_query(offset=offset + limit))
        body = orjson.dumps({"answer": {"items": changed[offset : offset + limit]}})
        return web.Response(body=body, headers=headers, content_type="application/json")


@asynccontextmanager
async def provider_server() -> AsyncIterator[ProviderServer]:
    """Run a provider on a free port of 127.0.0.1."""
    server = ProviderServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def status(code: int, **headers: str) -> Fault:
    """Answer with a status; header names take `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return _fixed(lambda: web.Response(status=code, headers=named))


def html(text: str) -> Fault:
    return _fixed(lambda: web.Response(text=text, content_type="text/html"))


def raw_json(body: bytes, **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return _fixed(lambda: web.Response(body=body, headers=named, content_type="application/json"))


def in_charset(body: bytes, charset: str) -> Fault:
    """Answer with JSON whose content type names a charset, rightly or not."""
    headers = {"Content-Type": f"application/json; charset={charset}"}
    return _fixed(lambda: web.Response(body=body, headers=headers))


def redirect(location: str, code: int = 302) -> Fault:
    return status(code, Location=location)


def next_page_at(location: str) -> Fault:
    """Answer with an empty page whose next one is at `location`."""
    return raw_json(b'{"answer":{"items":[]}}', Next_Page=location)


def gzip_bomb(size: int) -> Fault:
    """Answer with a small body that unpacks to `size` bytes."""
    return raw_json(gzip.compress(b" " * size), Content_Encoding="gzip")


async def truncated(request: web.Request) -> web.StreamResponse:
    """Promise more bytes than come before the connection breaks."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"answer":')
    assert request.transport is not None
    request.transport.close()
    return response


async def disconnect(request: web.Request) -> web.StreamResponse:
    """Break the connection before answering."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def silence(_: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError("an event that nobody sets was set")


def endless(sent: list[int]) -> Fault:
    """Answer with a body without end; `sent` collects the size of each piece that went out."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65_536)
            sent.append(65_536)

    return answer


def _fixed(make: Callable[[], web.Response]) -> Fault:
    async def answer(_: web.Request) -> web.StreamResponse:
        return make()

    return answer
