"""Connection test and smoke test, through the API, against a provider that fails in every way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.domain.caller import Role
from tests.fakes.provider_server import Fault, ProviderServer, html, provider_server, raw_json, status, thing
from tests.secrets_used import secret
from tests.unit.functions.live_app import LiveApp, live_app
from tests.unit.functions.test_sync_through_queue import connected

KEY = secret("key")
NAMES = ["connectivity", "authentication", "authorization", "dataAccess", "performance"]


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveApp]:
    async with live_app(tmp_path, monkeypatch) as started:
        yield started


@pytest.fixture
async def server() -> AsyncIterator[ProviderServer]:
    async with provider_server() as started:
        started.things = [thing(1), thing(2)]
        yield started


async def with_key(app: LiveApp, server: ProviderServer) -> str:
    path = await connected(app, server, {"kind": "apiKey", "header": "X-Api-Key"})
    stored = await app.admin.call("PUT", f"{path}/credentials", {"values": {"apiKey": KEY}})
    assert stored.status == 200
    return path


async def outcomes(app: LiveApp, path: str) -> dict[str, Any]:
    answer = await app.admin.call("POST", f"{path}/test")
    assert answer.status == 200, answer.body
    assert KEY not in str(answer.body)
    assert [step["name"] for step in answer.body["steps"]] == NAMES
    report: dict[str, Any] = answer.body
    return report


async def test_a_good_connection_passes_every_step(app: LiveApp, server: ProviderServer) -> None:
    """One record is asked for, and none is stored."""
    path = await with_key(app, server)
    report = await outcomes(app, path)
    assert report["passed"] is True
    assert {step["outcome"] for step in report["steps"]} == {"passed"}
    assert report["records"] == 1
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "failing", "code"),
    [
        (status(401), "authentication", "credentials_rejected"),
        (status(403), "authorization", "access_denied"),
        (html("not what was asked for"), "dataAccess", "provider_contract"),
        (raw_json(b'{"answer": {"items": [{"no": "id"}]}}'), "dataAccess", "provider_contract"),
    ],
)
async def test_a_failure_is_told_at_its_step(
    app: LiveApp, server: ProviderServer, fault: Fault, failing: str, code: str
) -> None:
    """What comes before it works, what comes after is not known, and there is something to do about it."""
    path = await with_key(app, server)
    server.handler = fault
    report = await outcomes(app, path)
    place = NAMES.index(failing)
    expected = ["passed"] * place + ["failed"] + ["skipped"] * (len(NAMES) - place - 1)
    assert [step["outcome"] for step in report["steps"]] == expected
    assert report["passed"] is False
    failed = report["steps"][place]
    assert failed["code"] == code
    assert failed["message"]
    assert failed["cure"]


async def test_missing_credentials_fail_at_authentication(app: LiveApp, server: ProviderServer) -> None:
    """Nothing goes to the provider without them."""
    path = await connected(app, server, {"kind": "apiKey", "header": "X-Api-Key"})
    report = await outcomes(app, path)
    assert [step["outcome"] for step in report["steps"]][:2] == ["passed", "failed"]
    assert server.requests == []


async def test_a_server_that_is_not_there_fails_at_connectivity(app: LiveApp, server: ProviderServer) -> None:
    """Everything after it is skipped."""
    path = await with_key(app, server)
    gone = {"settings": {"serverUrl": "http://127.0.0.1:9", "shelf": "s1"}}
    assert (await app.admin.call("PATCH", path, gone)).status == 200
    report = await outcomes(app, path)
    assert [step["outcome"] for step in report["steps"]] == ["failed", *["skipped"] * 4]
    assert report["steps"][0]["code"] == "unavailable"


async def test_the_smoke_test_tells_each_request(app: LiveApp, server: ProviderServer) -> None:
    """A provider without search is not to blame for that."""
    path = await with_key(app, server)
    answer = await app.admin.call("POST", f"{path}/smoke-test")
    assert (answer.body["passed"], answer.body["failed"]) == (2, 0)
    told = {detail["name"]: detail["outcome"] for detail in answer.body["details"]}
    assert told == {"Connection": "passed", "Fetch Records": "passed", "Search": "skipped"}

    server.handler = status(403)
    answer = await app.admin.call("POST", f"{path}/smoke-test")
    told = {detail["name"]: detail["outcome"] for detail in answer.body["details"]}
    assert told == {"Connection": "passed", "Fetch Records": "failed", "Search": "skipped"}


async def test_only_the_tenants_admin_may_test(app: LiveApp, server: ProviderServer) -> None:
    """A user is refused, and another tenant has no such integration."""
    path = await with_key(app, server)
    assert (await app.client(Role.USER).call("POST", f"{path}/test")).status == 403
    assert (await app.client(Role.TENANT_ADMIN, tenant="other").call("POST", f"{path}/test")).status == 404
    assert server.requests == []
