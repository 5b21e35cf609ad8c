"""Held deletions over the API: seen in the run's record, confirmed, done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path

import pytest

from shared.domain.caller import Role
from tests.fakes.provider_server import DOCUMENT, ProviderServer, provider_server, thing
from tests.unit.functions.live_app import LiveApp, live_app
from tests.unit.functions.test_sync_through_queue import MAPPING, ended, synced

FULL = {"mode": "full"}


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveApp]:
    async with live_app(tmp_path, monkeypatch) as started:
        yield started


@pytest.fixture
async def server() -> AsyncIterator[ProviderServer]:
    async with provider_server() as started:
        started.things = [thing(number) for number in range(1, 31)]
        yield started


@pytest.fixture
async def path(app: LiveApp, server: ProviderServer) -> str:
    """The path of an integration with 30 things, whose provider tells of deletions by silence."""
    document = deepcopy(DOCUMENT)
    document["rest"]["entities"]["thing"]["deletions"] = {"sweep": True}
    root = app.client(Role.SUPER_ADMIN, tenant=None)
    assert (await root.call("POST", "providers", document)).status == 201
    settings = {"serverUrl": server.url, "shelf": "s1"}
    new = {"providerId": "things", "name": "Things", "entityMappings": [MAPPING], "settings": settings}
    made = await app.admin.call("POST", "integrations", new)
    assert made.status == 201, made.body
    path = f"integrations/{made.body['id']}"
    await app.admin.call("POST", f"{path}/activate")
    assert (await synced(app, path))["counts"]["created"] == 30
    return path


async def shards(app: LiveApp, path: str) -> int:
    return len((await app.admin.call("GET", f"{path}/shards?type=thing&limit=200")).body["items"])


async def test_held_deletions_are_shown_and_done_once_confirmed(
    app: LiveApp, server: ProviderServer, path: str
) -> None:
    """The run that found them tells how many; the one that deletes them tells whose they were."""
    server.things = server.things[:12]
    held = await synced(app, path, FULL)
    assert (held["status"], held["heldDeletions"]) == ("partial", {"thing": 18})
    assert (held["error"]["code"], await shards(app, path)) == ("deletions_held", 30)
    confirm = f"executions/{held['id']}/confirm-deletions"
    confirmed = await app.admin.call("POST", confirm)
    assert confirmed.status == 202
    assert confirmed.headers["Location"] == f"/api/executions/{confirmed.body['executionId']}"
    run = await ended(app, confirmed.body["executionId"])
    assert (run["status"], run["confirms"], run["counts"]["deleted"]) == ("succeeded", held["id"], 18)
    assert await shards(app, path) == 12
    again = await app.admin.call("POST", confirm)
    assert (again.status, again.body["code"]) == (409, "invalid_state")


async def test_deletions_that_the_provider_tells_are_held_and_confirmed_alike(
    app: LiveApp, server: ProviderServer, path: str
) -> None:
    """What is beyond the share waits in quarantine, and is done by the same request."""
    server.things = [thing(number, gone=number <= 18) for number in range(1, 31)]
    held = await synced(app, path, FULL)
    assert (held["status"], held["heldDeletions"]) == ("partial", {"thing": 8})
    assert (held["counts"]["deleted"], held["error"]["code"]) == (10, "deletions_held")
    waiting = (await app.admin.call("GET", f"{path}/quarantine")).body["items"]
    assert [entry["reasons"][0]["code"] for entry in waiting] == ["deletion_held"] * 8
    assert await shards(app, path) == 20
    confirmed = await app.admin.call("POST", f"executions/{held['id']}/confirm-deletions")
    run = await ended(app, confirmed.body["executionId"])
    assert (run["status"], run["counts"]["deleted"]) == ("succeeded", 8)
    assert await shards(app, path) == 12
    assert (await app.admin.call("GET", f"{path}/quarantine")).body["items"] == []


async def test_a_confirmation_that_comes_twice_is_one(
    app: LiveApp, server: ProviderServer, path: str
) -> None:
    """With the same key the answer is the same, also when the deletions are done."""
    server.things = server.things[:12]
    held = await synced(app, path, FULL)
    confirm = f"executions/{held['id']}/confirm-deletions"
    first = await app.admin.call("POST", confirm, Idempotency_Key="once")
    await ended(app, first.body["executionId"])
    again = await app.admin.call("POST", confirm, Idempotency_Key="once")
    assert (again.status, again.body) == (202, first.body)


async def test_the_integration_decides_what_is_too_much(
    app: LiveApp, server: ProviderServer, path: str
) -> None:
    """A share in percent; 100 deletes everything unasked."""
    wrong = await app.admin.call("PATCH", path, {"syncConfig": {"deletionHoldPercent": 101}})
    assert (wrong.status, wrong.wrong_fields) == (422, ["syncConfig.deletionHoldPercent"])
    changed = await app.admin.call("PATCH", path, {"syncConfig": {"deletionHoldPercent": 100}})
    assert changed.body["syncConfig"]["deletionHoldPercent"] == 100
    server.things = []
    run = await synced(app, path, FULL)
    assert (run["status"], run["counts"]["deleted"], run["heldDeletions"]) == ("succeeded", 30, {})


async def test_only_the_tenant_s_admin_confirms(app: LiveApp, path: str) -> None:
    """A user may not, a run of another tenant is not there, and one without held deletions has none."""
    run = await synced(app, path, FULL)
    confirm = f"executions/{run['id']}/confirm-deletions"
    assert (await app.client(Role.USER).call("POST", confirm)).status == 403
    assert (await app.client(Role.TENANT_ADMIN, tenant="other").call("POST", confirm)).status == 404
    assert (await app.admin.call("POST", confirm)).status == 409
