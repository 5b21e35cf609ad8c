"""What the tenant is told, over the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared import bootstrap
from shared.domain.caller import Role
from tests.fakes.provider_server import provider_server
from tests.fakes.token_server import token_server
from tests.unit.functions.connecting import Connecting, connecting
from tests.unit.functions.live_app import live_app
from tests.unit.functions.test_sync_through_queue import synced


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connecting]:
    async with (
        live_app(tmp_path, monkeypatch) as app,
        provider_server() as server,
        token_server() as tokens,
    ):
        yield await connecting(app, server, tokens)


async def test_a_revoked_grant_is_told_once_with_the_cure(world: Connecting) -> None:
    """The integration is disabled, health names it, and connecting again makes all good."""
    await world.connect()
    world.tokens.refresh_token = "another"
    runtime = await bootstrap.runtime()
    (connection,) = await world.connections()
    stored = await runtime.connections.get("acme", connection["id"])
    await runtime.connections.replace(stored.changed(expires_at=stored.created_at))
    documents = runtime.documents
    await documents.delete("access-tokens", ("acme",), stored.id)
    assert (await runtime.token_sweep.run()).failed == 1
    assert (await runtime.token_sweep.run()).failed == 0
    (told,) = (await world.app.admin.call("GET", "notifications")).body["items"]
    assert (told["severity"], told["code"]) == ("critical", "connection.revoked")
    assert "Connect it again" in told["message"]
    health = (await world.app.admin.call("GET", "integrations/health")).body
    assert (health["status"], health["connections"]["error"]) == ("unhealthy", 1)
    assert (await world.app.admin.call("GET", world.path)).body["status"] == "disabled"
    assert (await world.connect()).status == 200
    assert (await world.app.admin.call("GET", world.path)).body["status"] == "active"
    assert (await synced(world.app, world.path))["status"] == "succeeded"


async def test_notifications_come_by_pages_and_to_their_tenant_only(world: Connecting) -> None:
    """The host platform reads them too."""
    service = world.app.client(Role.SERVICE)
    empty = await service.call("GET", "notifications?limit=1")
    assert empty.body == {"items": [], "continuation": None}
    other = world.app.client(Role.TENANT_ADMIN, tenant="other")
    assert (await other.call("GET", "notifications")).body["items"] == []
