"""What to do about a run over the API: cancel it, see its quality, mend and replay what it rejected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.domain.caller import Role
from tests.fakes.provider_server import ProviderServer, provider_server, thing
from tests.unit.functions.live_app import LiveApp, live_app
from tests.unit.functions.test_sync_through_queue import connected, synced

LABEL = {"externalField": "label", "shardField": "label", "required": True}


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveApp]:
    async with live_app(tmp_path, monkeypatch) as started:
        yield started


@pytest.fixture
async def path(app: LiveApp) -> AsyncIterator[str]:
    """The path of an integration whose run has rejected two of three things, for want of a label."""
    async with provider_server() as server:
        server.things = [thing(1), thing(2), {**thing(3), "label": "three"}]
        yield await synced_with(app, server)


async def synced_with(app: LiveApp, server: ProviderServer) -> str:
    path = await connected(app, server, {"kind": "none"})
    await map_fields(app, path, LABEL)
    assert (await synced(app, path))["status"] == "partial"
    return path


async def map_fields(app: LiveApp, path: str, *fields: dict[str, Any]) -> None:
    mapping = {"entity": "thing", "shardTypeId": "thing", "fields": list(fields)}
    changed = await app.admin.call("PATCH", path, {"entityMappings": [mapping]})
    assert changed.status == 200, changed.body


async def entries(app: LiveApp, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await app.admin.call("GET", f"{path}/quarantine")).body["items"]
    return items


async def test_rejected_records_are_listed_with_their_reasons(app: LiveApp, path: str) -> None:
    """In pages; the data of a record is not shown."""
    first = (await app.admin.call("GET", f"{path}/quarantine?limit=1")).body
    more = f"{path}/quarantine?limit=1&continuation={first['continuation']}"
    second = (await app.admin.call("GET", more)).body
    items = first["items"] + second["items"]
    assert {item["externalId"] for item in items} == {"t1", "t2"}
    assert all(item["replayable"] and "record" not in item for item in items)
    assert [reason["code"] for item in items for reason in item["reasons"]] == ["required", "required"]


async def test_the_newest_rejections_come_first(app: LiveApp, path: str) -> None:
    """A record that is rejected again moves to the front."""
    oldest = (await entries(app, path))[-1]
    assert (await app.admin.call("POST", f"quarantine/{oldest['id']}/replay")).status == 409
    assert (await entries(app, path))[0]["id"] == oldest["id"]


async def test_a_record_is_replayed_once_its_mapping_is_mended(app: LiveApp, path: str) -> None:
    """409 with the reasons before that; afterwards the shard is there and the entry is gone."""
    entry = (await entries(app, path))[0]
    refused = await app.admin.call("POST", f"quarantine/{entry['id']}/replay")
    assert (refused.status, refused.body["code"]) == (409, "invalid_state")
    assert "required" in refused.body["detail"]
    await map_fields(app, path, {"externalField": "id", "shardField": "name"})
    replayed = await app.admin.call("POST", f"quarantine/{entry['id']}/replay")
    assert (replayed.status, replayed.body["outcome"]) == (200, "stored")
    shard = await app.admin.call("GET", f"shards/{replayed.body['shardId']}")
    assert shard.body["data"] == {"name": entry["externalId"]}
    assert entry["id"] not in {left["id"] for left in await entries(app, path)}


async def test_a_discarded_record_is_gone(app: LiveApp, path: str) -> None:
    """A stale If-Match is refused; discarding what is gone is 404."""
    entry = (await entries(app, path))[0]
    discard = f"quarantine/{entry['id']}/discard"
    assert (await app.admin.call("POST", discard, If_Match='"another"')).status == 412
    assert (await app.admin.call("POST", discard, If_Match=f'"{entry["etag"]}"')).status == 204
    assert (await app.admin.call("POST", discard)).status == 404
    assert len(await entries(app, path)) == 1


async def test_a_stale_replay_is_refused(app: LiveApp, path: str) -> None:
    """Whoever names a version gets that one taken, or 412."""
    entry = (await entries(app, path))[0]
    await map_fields(app, path, {"externalField": "id", "shardField": "name"})
    again = f"quarantine/{entry['id']}/replay"
    assert (await app.admin.call("POST", again, If_Match='"another"')).status == 412
    assert (await app.admin.call("POST", again, If_Match=f'"{entry["etag"]}"')).status == 200


async def test_a_whole_quarantine_is_replayed_at_once(app: LiveApp, path: str) -> None:
    """Counts, and nothing left to call again for; with a key, the answer can be had twice."""
    await map_fields(app, path, {"externalField": "id", "shardField": "name"})
    everything = f"{path}/quarantine/replay"
    answers = [await app.admin.call("POST", everything, {"limit": 10}, Idempotency_Key="k") for _ in "12"]
    expected = {"stored": 2, "superseded": 0, "rejected": 0, "notReplayable": 0, "continuation": None}
    assert [(answer.status, answer.body) for answer in answers] == [(200, expected)] * 2
    assert await entries(app, path) == []
    assert (await app.admin.call("POST", everything)).body == {**expected, "stored": 0}


async def test_another_tenant_sees_no_rejected_record(app: LiveApp, path: str) -> None:
    """404 for the integration as for the entries."""
    entry = (await entries(app, path))[0]
    stranger = app.client(Role.TENANT_ADMIN, tenant="other")
    assert (await stranger.call("GET", f"{path}/quarantine")).status == 404
    assert (await stranger.call("POST", f"{path}/quarantine/replay")).status == 404
    for action in ("replay", "discard"):
        assert (await stranger.call("POST", f"quarantine/{entry['id']}/{action}")).status == 404
    assert len(await entries(app, path)) == 2


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "integrations/x/quarantine", {Role.SUPER_ADMIN, Role.TENANT_ADMIN}),
        ("POST", "quarantine/x/replay", {Role.TENANT_ADMIN}),
        ("POST", "quarantine/x/discard", {Role.TENANT_ADMIN}),
        ("POST", "integrations/x/quarantine/replay", {Role.TENANT_ADMIN}),
    ],
)
async def test_only_administrators_deal_with_rejected_records(
    app: LiveApp, method: str, path: str, allowed: set[Role]
) -> None:
    """A super admin may look and no more; the others get 403."""
    for role in Role:
        reply = await app.client(role).call(method, path)
        assert (reply.status != 403) == (role in allowed), role


async def test_the_quality_of_the_last_run_can_be_read(app: LiveApp, path: str) -> None:
    """Two of three things had no label; another tenant's integration is not there."""
    quality = await app.admin.call("GET", f"{path}/quality")
    assert (quality.status, quality.body["totalRecords"], quality.body["invalidRecords"]) == (200, 3, 2)
    assert quality.body["validationErrors"] == [{"field": "label", "error": "required", "count": 2}]
    stranger = app.client(Role.TENANT_ADMIN, tenant="other")
    assert (await stranger.call("GET", f"{path}/quality")).status == 404


async def test_a_run_that_has_ended_is_not_cancelled(app: LiveApp, path: str) -> None:
    """409, and 404 for another tenant; only a tenant's administrator may."""
    (run,) = (await app.admin.call("GET", f"{path}/executions")).body["items"]
    cancel = f"executions/{run['id']}/cancel"
    assert (await app.admin.call("POST", cancel)).status == 409
    assert (await app.client(Role.TENANT_ADMIN, tenant="other").call("POST", cancel)).status == 404
    assert (await app.client(Role.SUPER_ADMIN).call("POST", cancel)).status == 403
    assert (await app.admin.call("GET", f"executions/{run['id']}")).body == run


async def test_a_run_under_way_is_cancelled_at_once(app: LiveApp, path: str) -> None:
    """The provider is away, so that the run can't end by itself; another may start."""
    gone = {"serverUrl": "http://127.0.0.1:1", "shelf": "s1"}
    assert (await app.admin.call("PATCH", path, {"settings": gone})).status == 200
    started = await app.admin.call("POST", f"{path}/sync")
    run = f"executions/{started.body['executionId']}"
    assert (await app.admin.call("POST", f"{run}/cancel", If_Match='"another"')).status == 412
    cancelled = await app.admin.call("POST", f"{run}/cancel")
    assert (cancelled.status, cancelled.body["status"]) == (200, "cancelled")
    assert (await app.admin.call("GET", run)).body["status"] == "cancelled"
    assert (await app.admin.call("POST", f"{path}/sync")).status == 202
