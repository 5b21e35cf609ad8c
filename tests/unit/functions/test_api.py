"""The HTTP API, called as its users call it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared import bootstrap
from shared.domain.caller import Role
from tests.unit.functions.live_app import Client, LiveApp, live_app

MAPPING = {
    "entity": "record",
    "shardTypeId": "airport",
    "fields": [{"externalField": "name", "shardField": "name"}],
}
KINTO = {"serverUrl": "http://127.0.0.1:1", "bucket": "b", "collection": "c"}
NEW: dict[str, Any] = {
    "providerId": "kinto",
    "name": "Airports",
    "settings": KINTO,
    "entityMappings": [MAPPING],
}


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveApp]:
    async with live_app(tmp_path, monkeypatch) as started:
        yield started


async def created(client: Client, **changes: Any) -> dict[str, Any]:
    reply = await client.call("POST", "integrations", {**NEW, **changes})
    assert reply.status == 201, reply.body
    body: dict[str, Any] = reply.body
    return body


async def test_an_integration_is_created_read_changed_and_deleted(app: LiveApp) -> None:
    """Its ETag travels with it, and a change names only what changes."""
    made = await created(app.admin)
    path = f"integrations/{made['id']}"
    read = await app.admin.call("GET", path)
    assert (read.status, read.body) == (200, made)
    assert read.headers["ETag"] == f'"{made["etag"]}"'
    changed = await app.admin.call("PATCH", path, {"name": "Aerodromes"})
    assert (changed.body["name"], changed.body["settings"]) == ("Aerodromes", KINTO)
    assert changed.body["etag"] != made["etag"]
    assert [item["id"] for item in (await app.admin.call("GET", "integrations")).body["items"]] == [
        made["id"]
    ]
    assert (await app.admin.call("DELETE", path)).status == 204
    assert (await app.admin.call("GET", path)).status == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"nmae": "x"}, "nmae"),
        ({"providerId": "unheard-of"}, "providerId"),
        ({"settings": {**KINTO, "bucket": ""}}, "settings.bucket"),
        ({"settings": {"serverUrl": "http://x", "bucket": "b"}}, "settings.collection"),
        ({"settings": {**KINTO, "more": "x"}}, "settings.more"),
        ({"entityMappings": [{**MAPPING, "entity": "nothing"}]}, "entityMappings.0.entity"),
        ({"entityMappings": [{**MAPPING, "fields": []}]}, "entityMappings.0.fields"),
        ({"allowedShardTypes": ["contact"]}, "entityMappings.0.shardTypeId"),
        ({"entityMappings": [MAPPING, MAPPING]}, "entityMappings.1.entity"),
        (
            {"entityMappings": [{**MAPPING, "fields": [*MAPPING["fields"], *MAPPING["fields"]]}]},
            "entityMappings.0.fields.1.shardField",
        ),
        ({"syncConfig": {"intervalSeconds": 5}}, "syncConfig.intervalSeconds"),
        ({"syncConfig": {"cron": "99 * * * *"}}, "syncConfig.cron"),
        ({"syncConfig": {"fullIntervalSeconds": 86_400}}, "syncConfig.fullIntervalSeconds"),
        ({"syncConfig": {"cron": "0 * * * *", "timeZone": "Moon/Base"}}, "syncConfig.timeZone"),
        ({"syncConfig": {"cron": "0 * * * *", "intervalSeconds": 60}}, "syncConfig.cron"),
    ],
)
async def test_a_wrong_field_is_named(app: LiveApp, changes: dict[str, Any], field: str) -> None:
    """The answer is 422 with the field's path, and nothing is stored."""
    reply = await app.admin.call("POST", "integrations", {**NEW, **changes})
    assert (reply.status, reply.wrong_fields) == (422, [field])
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert (await app.admin.call("GET", "integrations")).body["items"] == []


async def test_every_setting_that_does_not_fit_is_named(app: LiveApp) -> None:
    """Each with its own message, so that a form can show it beside its field."""
    settings = {"serverUrl": "x", "collection": "c", "more": "x"}
    reply = await app.admin.call("POST", "integrations", {**NEW, "settings": settings})
    assert reply.status == 422
    assert {error["field"]: error["message"] for error in reply.body["errors"]} == {
        "settings.serverUrl": "must begin with https:// or http:// and a host",
        "settings.bucket": "is missing; give it a value",
        "settings.more": "is unknown; the provider has: bucket, collection, serverUrl",
    }


async def test_an_integration_syncs_by_a_clock_on_the_wall(app: LiveApp) -> None:
    """The schedule comes back as it was given, and the next time with it once the integration is active."""
    schedule = {"cron": "30 2 * * *", "timeZone": "Europe/Berlin"}
    made = await created(app.admin, syncConfig=schedule)
    active = await app.admin.call("POST", f"integrations/{made['id']}/activate")
    assert active.body["syncConfig"].items() >= schedule.items()
    due = datetime.fromisoformat(active.body["nextSyncAt"]).astimezone(ZoneInfo("Europe/Berlin"))
    assert (due.hour, due.minute in range(30, 36)) == (2, True) or due.hour == 3


async def test_a_full_run_stays_due_when_the_schedule_is_changed(app: LiveApp) -> None:
    """An integration whose settings are changed every week would else never be read in full."""
    made = await created(app.admin, syncConfig={"intervalSeconds": 600, "fullIntervalSeconds": 86_400})
    path = f"integrations/{made['id']}"
    due = (await app.admin.call("POST", f"{path}/activate")).body["nextFullSyncAt"]
    later = {"syncConfig": {"intervalSeconds": 900, "fullIntervalSeconds": 604_800}}
    assert (await app.admin.call("PATCH", path, later)).body["nextFullSyncAt"] == due
    never = {"syncConfig": {"intervalSeconds": 900}}
    assert (await app.admin.call("PATCH", path, never)).body.get("nextFullSyncAt") is None


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 422, "is missing"),
        (b"{", 400, "not JSON"),
        (b"[1]", 422, "mapping of keys to values"),
        (b'{"name": ' + b"[" * 100 + b"]" * 100 + b"}", 400, "nested deeper than 32"),
        (b'"' + b"x" * (1024 * 1024) + b'"', 413, "larger than 1024 KB"),
    ],
)
async def test_a_body_that_can_not_be_used_is_refused(
    app: LiveApp, body: bytes, status: int, message: str
) -> None:
    """The answer says what is wrong with it."""
    reply = await app.admin.call("POST", "integrations", body)
    assert reply.status == status
    assert message in str(reply.body)


async def test_a_stale_write_is_refused(app: LiveApp) -> None:
    """If-Match protects another administrator's change."""
    made = await created(app.admin)
    path = f"integrations/{made['id']}"
    assert (await app.admin.call("PATCH", path, {"name": "Mine"}, If_Match=f'"{made["etag"]}"')).status == 200
    refused = await app.admin.call("PATCH", path, {"name": "Yours"}, If_Match=f'"{made["etag"]}"')
    assert (refused.status, refused.body["code"]) == (412, "stale_write")
    assert (await app.admin.call("GET", path)).body["name"] == "Mine"
    assert (await app.admin.call("PATCH", path, {"name": "Any"}, If_Match="*")).status == 200
    weak = f'W/"{(await app.admin.call("GET", path)).body["etag"]}"'
    assert (await app.admin.call("PATCH", path, {"name": "Weak"}, If_Match=weak)).status == 412
    assert (await app.admin.call("PATCH", path, {"name": "Many"}, If_Match='"1", "2"')).status == 400


async def test_a_sync_in_between_does_not_make_an_administrators_change_stale(app: LiveApp) -> None:
    """What the system notes in the same document is not what people compare."""
    made = await created(app.admin)
    path = f"integrations/{made['id']}"
    active = await app.admin.call("POST", f"{path}/activate")
    await app.admin.call("POST", f"{path}/sync")
    runtime = await bootstrap.runtime()
    await runtime.integrations.set_active("acme", made["id"], None, active=True)
    assert (await app.admin.call("PATCH", path, {"name": "x"}, If_Match='"3"')).status == 200
    assert active.body["etag"] == "2"


async def test_an_active_integration_keeps_a_mapping(app: LiveApp) -> None:
    """Emptying it would stop every sync without a word."""
    made = await created(app.admin)
    path = f"integrations/{made['id']}"
    await app.admin.call("POST", f"{path}/activate")
    assert (await app.admin.call("PATCH", path, {"entityMappings": []})).status == 409
    assert (await app.admin.call("PATCH", path, {"name": None})).status == 422


async def test_another_tenants_integration_is_not_found(app: LiveApp) -> None:
    """Not even by somebody who knows its id; the answer does not tell that it is there."""
    made = await created(app.admin)
    stranger = app.client(Role.TENANT_ADMIN, tenant="other")
    for method, path, body in [
        ("GET", f"integrations/{made['id']}", None),
        ("PATCH", f"integrations/{made['id']}", {"name": "x"}),
        ("DELETE", f"integrations/{made['id']}", None),
        ("POST", f"integrations/{made['id']}/activate", None),
        ("POST", f"integrations/{made['id']}/sync", {}),
        ("GET", f"integrations/{made['id']}/executions", None),
        ("GET", f"integrations/{made['id']}/shards", None),
    ]:
        assert (await stranger.call(method, path, body)).status == 404, path
    assert (await stranger.call("GET", "integrations")).body["items"] == []


async def test_listings_come_in_pages(app: LiveApp) -> None:
    """Every item once, and null at the end."""
    ids = {(await created(app.admin, name=f"n{number}"))["id"] for number in range(5)}
    seen: list[str] = []
    continuation: str | None = ""
    while continuation is not None:
        query = f"integrations?limit=2{continuation and '&continuation='}{continuation}"
        page = (await app.admin.call("GET", query)).body
        seen += [item["id"] for item in page["items"]]
        continuation = page["continuation"]
    assert (len(seen), set(seen)) == (5, ids)
    for wrong in ("limit=0", "limit=201", "limit=x", "continuation=nonsense", "sort=name"):
        assert (await app.admin.call("GET", f"integrations?{wrong}")).status == 422, wrong


async def test_activating_needs_a_mapping(app: LiveApp) -> None:
    """The answer says what to do first."""
    made = await created(app.admin, entityMappings=[])
    refused = await app.admin.call("POST", f"integrations/{made['id']}/activate")
    assert (refused.status, refused.body["code"]) == (409, "invalid_state")
    await app.admin.call("PATCH", f"integrations/{made['id']}", {"entityMappings": [MAPPING]})
    activated = await app.admin.call("POST", f"integrations/{made['id']}/activate")
    assert (activated.status, activated.body["status"]) == (200, "active")


async def test_a_disabled_integration_does_not_sync(app: LiveApp) -> None:
    """Neither does an entity that is not mapped."""
    made = await created(app.admin)
    path = f"integrations/{made['id']}"
    assert (await app.admin.call("POST", f"{path}/sync", {})).status == 409
    await app.admin.call("POST", f"{path}/activate")
    refused = await app.admin.call("POST", f"{path}/sync", {"entity": "other"})
    assert (refused.status, refused.wrong_fields) == (422, ["entity"])


async def test_a_sync_is_started_at_once_and_only_once(app: LiveApp) -> None:
    """202 with the run to look at; a second one waits for the first to end."""
    made = await created(app.admin)
    path = f"integrations/{made['id']}"
    await app.admin.call("POST", f"{path}/activate")
    started = await app.admin.call("POST", f"{path}/sync", {"mode": "full"})
    assert started.status == 202
    execution = await app.admin.call("GET", started.headers["Location"].removeprefix("/api/"))
    assert (execution.body["mode"], execution.body["trigger"]) == ("full", "manual")
    assert (await app.admin.call("POST", f"{path}/sync", {})).status == 409
    runs = (await app.admin.call("GET", f"{path}/executions")).body["items"]
    assert [run["id"] for run in runs] == [started.body["executionId"]]


MATRIX = [
    ("GET", "providers", {Role.SUPER_ADMIN, Role.TENANT_ADMIN}),
    ("POST", "providers", {Role.SUPER_ADMIN}),
    ("PUT", "providers/x", {Role.SUPER_ADMIN}),
    ("DELETE", "providers/x", {Role.SUPER_ADMIN}),
    ("POST", "providers/x/status", {Role.SUPER_ADMIN}),
    ("GET", "integrations", {Role.SUPER_ADMIN, Role.TENANT_ADMIN, Role.USER}),
    ("POST", "integrations", {Role.TENANT_ADMIN}),
    ("PATCH", "integrations/x", {Role.TENANT_ADMIN}),
    ("DELETE", "integrations/x", {Role.TENANT_ADMIN}),
    ("POST", "integrations/x/activate", {Role.SUPER_ADMIN, Role.TENANT_ADMIN}),
    ("POST", "integrations/x/sync", {Role.TENANT_ADMIN}),
    ("POST", "integrations/x/connection/authorize", {Role.TENANT_ADMIN, Role.USER}),
    ("GET", "integrations/x/connections", {Role.TENANT_ADMIN, Role.USER}),
    ("GET", "integrations/x/connections/y", {Role.TENANT_ADMIN, Role.USER}),
    ("DELETE", "integrations/x/connections/y", {Role.TENANT_ADMIN, Role.USER}),
    ("GET", "notifications", {Role.TENANT_ADMIN, Role.SERVICE}),
    ("GET", "privacy-requests/x", {Role.TENANT_ADMIN}),
    ("GET", "executions/x", {Role.SUPER_ADMIN, Role.TENANT_ADMIN}),
    ("GET", "integrations/x/shards", {Role.SUPER_ADMIN, Role.TENANT_ADMIN, Role.SERVICE}),
    ("GET", "shards/changes", {Role.SUPER_ADMIN, Role.TENANT_ADMIN, Role.SERVICE}),
    ("GET", "integrations/health", set(Role)),
]


@pytest.mark.parametrize(("method", "path", "allowed"), MATRIX)
async def test_a_role_may_only_do_what_the_guide_lets_it(
    app: LiveApp, method: str, path: str, allowed: set[Role]
) -> None:
    """Guide, "Role-Based Permissions Matrix": the others get 403, whatever they send."""
    for role in Role:
        reply = await app.client(role).call(method, path, {})
        assert (reply.status != 403) == (role in allowed), role


@pytest.mark.parametrize("header", [None, "Basic abc", "Bearer", "Bearer not-a-token"])
async def test_without_a_good_token_nothing_is_answered(app: LiveApp, header: str | None) -> None:
    """401 with a hint at the scheme; the probes and the OpenAPI document are open."""
    anonymous = app.with_token(None)
    headers = {"Authorization": header} if header else {}
    reply = await anonymous.call("GET", "integrations", **headers)
    assert (reply.status, reply.body["code"]) == (401, "unauthenticated")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert ("error=" in reply.headers["WWW-Authenticate"]) == (header == "Bearer not-a-token")
    for path in ("health/live", "health/ready", "openapi.json"):
        assert (await anonymous.call("GET", path)).status == 200


async def test_a_super_admin_names_the_tenant(app: LiveApp) -> None:
    """In a header; for everyone else the token decides."""
    await created(app.admin)
    support = app.client(Role.SUPER_ADMIN, tenant=None)
    assert (await support.call("GET", "integrations")).wrong_fields == ["X-Tenant-Id"]
    assert len((await support.call("GET", "integrations", X_Tenant_Id="acme")).body["items"]) == 1
    assert (await support.call("GET", "integrations", X_Tenant_Id="other")).body["items"] == []
    assert (await app.admin.call("GET", "integrations", X_Tenant_Id="other")).status == 403


async def test_roles_of_one_tenant_are_worth_nothing_in_another(app: LiveApp) -> None:
    """A super admin may look at any tenant, and no more; a service of a tenant is bound to it."""
    made = await created(app.admin)
    path = f"integrations/{made['id']}"
    both = app.client(Role.SUPER_ADMIN, Role.TENANT_ADMIN, tenant="other")
    assert (await both.call("GET", path, X_Tenant_Id="acme")).status == 200
    assert (await both.call("PATCH", path, {"name": "x"}, X_Tenant_Id="acme")).status == 403
    bound = app.client(Role.SERVICE, tenant="other")
    assert (await bound.call("GET", f"{path}/shards", X_Tenant_Id="acme")).status == 403
    platform = app.client(Role.SERVICE, tenant=None)
    assert (await platform.call("GET", f"{path}/shards", X_Tenant_Id="acme")).status == 200
    stranger = app.client(Role.SERVICE, Role.TENANT_ADMIN, tenant="other")
    assert (await stranger.call("PATCH", path, {"name": "x"}, X_Tenant_Id="acme")).status == 403


async def test_the_request_id_is_taken_over_or_made(app: LiveApp) -> None:
    """It comes back in the header, and in the body of an error; one that makes no sense is replaced."""
    given = await app.admin.call("GET", "integrations/none", X_Request_Id="my-id-1")
    assert (given.headers["X-Request-Id"], given.body["requestId"]) == ("my-id-1", "my-id-1")
    for odd in ("x" * 200, "a b", "<script>"):
        made = await app.admin.call("GET", "integrations", X_Request_Id=odd)
        assert made.headers["X-Request-Id"] not in {odd, ""}


PROVIDER: dict[str, Any] = {
    "id": "things",
    "category": "test",
    "displayName": "Things",
    "settings": {"serverUrl": {"kind": "url"}},
    "rest": {
        "baseUrl": "{serverUrl}",
        "entities": {"thing": {"list": {"path": "/things"}, "records": "items", "id": "id"}},
    },
}


async def test_a_provider_is_one_document(app: LiveApp) -> None:
    """Added, used, changed, disabled and removed by a super admin; a tenant sees it at once."""
    root = app.client(Role.SUPER_ADMIN, tenant=None)
    assert (await root.call("POST", "providers", PROVIDER)).status == 201
    assert (await root.call("POST", "providers", PROVIDER)).status == 409
    listed = {item["id"] for item in (await app.admin.call("GET", "providers")).body["items"]}
    assert {"kinto", "things"} <= listed
    made = await created(
        app.admin,
        providerId="things",
        settings={"serverUrl": "http://x"},
        entityMappings=[{**MAPPING, "entity": "thing"}],
    )
    renamed = await root.call("PUT", "providers/things", {**PROVIDER, "displayName": "More things"})
    assert renamed.body["displayName"] == "More things"
    assert (await root.call("DELETE", "providers/things")).status == 409
    assert (await root.call("POST", "providers/things/status", {"status": "disabled"})).status == 200
    assert (await app.admin.call("POST", f"integrations/{made['id']}/activate")).status == 409
    await app.admin.call("DELETE", f"integrations/{made['id']}")
    assert (await root.call("DELETE", "providers/things")).status == 204
    assert (await root.call("GET", "providers/things")).status == 404


async def test_a_broken_provider_document_is_refused_with_its_paths(app: LiveApp) -> None:
    """The author is told where to look."""
    root = app.client(Role.SUPER_ADMIN, tenant=None)
    broken = {**PROVIDER, "rest": {"baseUrl": "{nowhere}", "entities": {}}}
    reply = await root.call("POST", "providers", broken)
    assert reply.status == 422
    assert any(field.startswith("rest") for field in reply.wrong_fields)


async def test_a_provider_is_seen_by_the_tenants_that_it_is_for(app: LiveApp) -> None:
    """For the others it does not exist, also when they try to use it."""
    root = app.client(Role.SUPER_ADMIN, tenant=None)
    await root.call("POST", "providers", {**PROVIDER, "visibleTo": ["other"]})
    assert (await app.admin.call("GET", "providers/things")).status == 404
    refused = await app.admin.call("POST", "integrations", {**NEW, "providerId": "things"})
    assert refused.wrong_fields == ["providerId"]
    other = app.client(Role.TENANT_ADMIN, tenant="other")
    await root.call("PUT", "providers/things", {**PROVIDER, "visibleTo": ["other", "third"]})
    assert (await other.call("GET", "providers/things")).body["visibleTo"] == ["other"]


async def test_a_shipped_provider_can_be_disabled_but_not_deleted(app: LiveApp) -> None:
    """The stored version stands before the one that ships."""
    root = app.client(Role.SUPER_ADMIN, tenant=None)
    assert (await root.call("DELETE", "providers/kinto")).status == 409
    await root.call("POST", "providers/kinto/status", {"status": "disabled"})
    assert (await app.admin.call("GET", "providers/kinto")).body["status"] == "disabled"
    refused = await app.admin.call("POST", "integrations", NEW)
    assert refused.wrong_fields == ["providerId"]


async def test_the_catalogue_comes_in_pages(app: LiveApp) -> None:
    """Like every list."""
    root = app.client(Role.SUPER_ADMIN, tenant=None)
    await root.call("POST", "providers", PROVIDER)
    first = (await root.call("GET", "providers?limit=1")).body
    rest = (await root.call("GET", f"providers?continuation={first['continuation']}")).body
    ids = [item["id"] for page in (first, rest) for item in page["items"]]
    assert (len(first["items"]), rest["continuation"]) == (1, None)
    assert {"kinto", "things"} <= set(ids)
    assert sorted(set(ids)) == ids


async def test_a_changed_shipped_provider_can_be_given_back(app: LiveApp) -> None:
    """It says that it stands before a shipped one; deleting it brings that forth, also while it is used."""
    await created(app.admin)
    root = app.client(Role.SUPER_ADMIN, tenant=None)
    changed = await root.call("POST", "providers/kinto/status", {"status": "deprecated"})
    listed = (await root.call("GET", "providers")).body["items"]
    for seen in (changed.body, *(item for item in listed if item["id"] == "kinto")):
        assert (seen["shipped"], seen["overridesShipped"]) == (False, True)
    assert (await root.call("DELETE", "providers/kinto")).status == 204
    back = (await root.call("GET", "providers/kinto")).body
    assert (back["status"], back["shipped"], back["overridesShipped"]) == ("active", True, False)


async def test_the_probes_tell_nothing_even_when_nothing_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Liveness does not depend on settings or store, and strangers learn nothing about either."""
    async with live_app(tmp_path, monkeypatch) as app:
        await bootstrap.close()
        monkeypatch.setenv("INTEGRATIONS_LOG_LEVEL", "nonsense")
        anonymous = app.with_token(None)
        assert (await anonymous.call("GET", "health/live")).status == 200
        assert (await anonymous.call("HEAD", "health/live")).status == 200
        ready = await anonymous.call("GET", "health/ready")
        assert ready.status == 500
        assert "INTEGRATIONS" not in str(ready.body)


async def test_health_has_the_guides_shape(app: LiveApp) -> None:
    """Counts of the tenant's own active integrations, and when they were taken."""
    made = await created(app.admin)
    await app.admin.call("POST", f"integrations/{made['id']}/activate")
    health = (await app.client(Role.USER).call("GET", "integrations/health")).body
    assert health.pop("lastCheckedAt")
    assert health == {
        "status": "healthy",
        "integrations": {"total": 1, "healthy": 1, "degraded": 0, "unhealthy": 0},
        "connections": {"total": 0, "active": 0, "expired": 0, "error": 0},
        "notHealthy": [],
    }


async def test_the_openapi_document_describes_every_route(app: LiveApp) -> None:
    """Every reference leads somewhere, and every operation has an id of its own."""
    document = (await app.with_token(None).call("GET", "openapi.json")).body
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert document["openapi"] == "3.1.0"
    assert len(set(names)) == len(names)
    assert {"StartSync", "HealthCheck", "OpenApi"} <= set(names)
    schemas = set(document["components"]["schemas"])
    assert set(_references(document)) <= {f"#/components/schemas/{name}" for name in schemas}


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for child in value.values() for found in _references(child)]
    if isinstance(value, list):
        return [found for child in value for found in _references(child)]
    return []
