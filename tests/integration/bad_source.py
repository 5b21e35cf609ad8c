"""A provider on this machine that has bad records among its good ones, by cursor pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

from tests.integration.bad_kinds import BadRecords


def document(page: int) -> dict[str, Any]:
    """Return the provider's document; `page` is the most records that it gives at once."""
    person = {
        "list": {"path": "/people"},
        "records": "items",
        "id": "id",
        "modified": "modified",
        "deleted": "gone",
        "page": {"parameter": "limit", "max": page},
        "pagination": {"kind": "cursor", "bodyPath": "next", "parameter": "cursor"},
    }
    return {
        "id": "people",
        "category": "test",
        "displayName": "People",
        "settings": {"serverUrl": {"kind": "url"}},
        "rest": {"baseUrl": "{serverUrl}", "entities": {"person": person}},
    }


@asynccontextmanager
async def bad_source(records: BadRecords) -> AsyncIterator[str]:
    """Serve the records on a free port of 127.0.0.1; gives the URL."""

    async def answer(request: web.Request) -> web.Response:
        start, limit = int(request.query.get("cursor", "0")), int(request.query["limit"])
        end = min(start + limit, records.rows)
        items = [records.record(number) for number in range(start, end)]
        body = orjson.dumps({"items": items, "next": str(end) if end < records.rows else None})
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/people", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
