"""Rotating keys through the API, at a provider that knows which keys are good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from shared.domain.caller import Role
from tests.fakes.provider_server import ProviderServer, provider_server, thing
from tests.secrets_used import secret
from tests.unit.functions.live_app import LiveApp, live_app
from tests.unit.functions.test_sync_through_queue import connected, synced

OLD, NEW, WRONG = secret("old"), secret("new"), secret("wrong")


class Provider:
    """Answers those who have a good key."""

    def __init__(self, server: ProviderServer) -> None:
        self.good = {OLD, NEW}
        self.is_down = False
        self.server = server
        server.handler = self._answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.is_down:
            return web.Response(status=503)
        if request.headers.get("X-Api-Key") not in self.good:
            return web.Response(status=401)
        body = orjson.dumps({"answer": {"items": [thing(1)]}})
        return web.Response(body=body, content_type="application/json")


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveApp]:
    async with live_app(tmp_path, monkeypatch) as started:
        yield started


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with provider_server() as started:
        yield Provider(started)


async def with_old_key(app: LiveApp, provider: Provider) -> str:
    path = await connected(app, provider.server, {"kind": "apiKey", "header": "X-Api-Key"})
    stored = await app.admin.call("PUT", f"{path}/credentials", {"values": {"apiKey": OLD}})
    assert stored.status == 200
    return path


async def versions(app: LiveApp, path: str) -> list[tuple[bool, bool]]:
    """Return (enabled, current) of each version, oldest first."""
    answer = await app.admin.call("GET", f"{path}/credentials/versions")
    assert answer.status == 200
    assert not any(key in str(answer.body) for key in (OLD, NEW, WRONG))
    items: list[dict[str, Any]] = answer.body["items"]
    assert {item["actor"] for item in items} == {"ada"}
    return [(item["enabled"], item["current"]) for item in reversed(items)]


async def rotate(app: LiveApp, path: str, key: str) -> Any:
    return await app.admin.call("POST", f"{path}/credentials/rotate", {"values": {"apiKey": key}})


async def test_a_new_key_takes_the_place_of_the_old(app: LiveApp, provider: Provider) -> None:
    """It is tried first; then it alone can be read, and syncs sign in with it."""
    path = await with_old_key(app, provider)
    assert (await rotate(app, path, NEW)).status == 200
    assert await versions(app, path) == [(False, False), (True, True)]
    provider.good = {NEW}
    assert (await synced(app, path))["status"] == "succeeded"


async def test_a_key_that_is_not_taken_changes_nothing(app: LiveApp, provider: Provider) -> None:
    """The old one stays in use; the answer says what the provider did, and not which key it was."""
    path = await with_old_key(app, provider)
    refused = await rotate(app, path, WRONG)
    assert refused.status == 422
    assert "Nothing was changed" in refused.body["detail"]
    assert WRONG not in str(refused.body)
    assert await versions(app, path) == [(True, True), (False, False)]
    assert (await synced(app, path))["status"] == "succeeded"


async def test_a_provider_that_is_down_proves_nothing(app: LiveApp, provider: Provider) -> None:
    """Whether the key is good is not known: nothing changes, and the caller may try again."""
    path = await with_old_key(app, provider)
    provider.is_down = True
    assert (await rotate(app, path, NEW)).status == 503
    provider.is_down = False
    assert await versions(app, path) == [(True, True), (False, False)]
    assert (await rotate(app, path, NEW)).status == 200


async def test_one_can_go_back_and_forth(app: LiveApp, provider: Provider) -> None:
    """The version before is enabled again, tried, and used; the other one is disabled in turn."""
    path = await with_old_key(app, provider)
    await rotate(app, path, NEW)
    assert (await app.admin.call("POST", f"{path}/credentials/rollback")).status == 200
    assert await versions(app, path) == [(True, True), (False, False)]
    provider.good = {OLD}
    assert (await synced(app, path))["status"] == "succeeded"

    refused = await app.admin.call("POST", f"{path}/credentials/rollback")
    assert refused.status == 422
    assert await versions(app, path) == [(True, True), (False, False)]


async def test_without_a_former_key_there_is_no_way_back(app: LiveApp, provider: Provider) -> None:
    """And without any key there is nothing to rotate."""
    path = await connected(app, provider.server, {"kind": "apiKey", "header": "X-Api-Key"})
    assert (await rotate(app, path, NEW)).status == 409
    await app.admin.call("PUT", f"{path}/credentials", {"values": {"apiKey": OLD}})
    assert (await app.admin.call("POST", f"{path}/credentials/rollback")).status == 409


async def test_only_the_tenants_admin_rotates(app: LiveApp, provider: Provider) -> None:
    """Others are refused, and unknown names are told without their values."""
    path = await with_old_key(app, provider)
    user = app.client(Role.USER)
    body = {"values": {"apiKey": NEW}}
    assert (await user.call("POST", f"{path}/credentials/rotate", body)).status == 403
    assert (await user.call("GET", f"{path}/credentials/versions")).status == 403
    unknown = await app.admin.call("POST", f"{path}/credentials/rotate", {"values": {"password": NEW}})
    assert unknown.status == 422
    assert NEW not in str(unknown.body)
