"""A provider that has new records on new pages for ever, and the whole app."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from shared.domain.caller import Role
from tests.fakes.provider_server import DOCUMENT, provider_server, thing
from tests.unit.functions.live_app import LiveApp, live_app

PAGE = 100
BOUND = 1_000
MAPPING = {
    "entity": "thing",
    "shardTypeId": "thing",
    "fields": [{"externalField": "id", "shardField": "name"}],
}


async def endless(request: web.Request) -> web.Response:
    """Answer with a page of new records, and say that there is another."""
    offset = int(request.query.get("offset", "0"))
    items = [thing(number) for number in range(offset, offset + PAGE)]
    headers = {"Next-Page": str(request.url.update_query(offset=offset + PAGE))}
    body = orjson.dumps({"answer": {"items": items}})
    return web.Response(body=body, headers=headers, content_type="application/json")


async def ended_run(app: LiveApp, url: str) -> dict[str, Any]:
    """Connect an integration that may read so many records a run, sync it, and return how that ended."""
    await app.client(Role.SUPER_ADMIN, tenant=None).call("POST", "providers", DOCUMENT)
    new: dict[str, Any] = {"providerId": "things", "name": "Things", "entityMappings": [MAPPING]}
    new["settings"] = {"serverUrl": url, "shelf": "s1"}
    new["syncConfig"] = {"maxRecordsPerRun": BOUND}
    path = f"integrations/{(await app.admin.call('POST', 'integrations', new)).body['id']}"
    await app.admin.call("POST", f"{path}/activate")
    run = (await app.admin.call("POST", f"{path}/sync", {})).body["executionId"]
    async with asyncio.timeout(60):
        while True:
            execution = (await app.admin.call("GET", f"executions/{run}")).body
            if execution["status"] not in {"queued", "running"}:
                return dict(execution)
            await asyncio.sleep(0.05)


async def test_run_without_an_end_is_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the integration's bound, with the reason and what to do; what was stored is kept."""
    async with live_app(tmp_path, monkeypatch) as app, provider_server() as server:
        server.handler = endless
        execution = await ended_run(app, server.url)
        asked = len(server.requests)
    assert (execution["status"], execution["error"]["code"]) == ("failed", "run_too_large")
    assert execution["error"]["message"].startswith(
        "The run reads more than 1000 records or pages; what it stored is kept. If the source has so many,"
        " raise `syncConfig.maxRecordsPerRun` of the integration"
    )
    assert execution["counts"]["created"] == execution["counts"]["read"] == BOUND
    assert asked <= BOUND // PAGE + 2  # the page over the bound, and one ahead
