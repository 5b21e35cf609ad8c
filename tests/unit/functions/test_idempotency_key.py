"""Idempotency-Key over the API: what comes twice is done once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
import pytest
from azure.functions import HttpRequest, HttpResponse

from functions._http import Answer, Call, Route, serve
from shared import bootstrap
from shared.domain.caller import Role
from shared.domain.errors import StopError, ThrottledError
from shared.domain.model import WireModel
from shared.domain.provider import ProviderDocument
from tests.unit.functions.live_app import Client, LiveApp, Reply, live_app
from tests.unit.functions.test_api import NEW, PROVIDER

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveApp]:
    async with live_app(tmp_path, monkeypatch) as started:
        yield started


async def post(client: Client, path: str, body: Any = None, key: str = KEY, **headers: str) -> Reply:
    return await client.call("POST", path, body, Idempotency_Key=key, **headers)


async def test_a_repeated_creation_creates_nothing_and_is_answered_the_same(app: LiveApp) -> None:
    """Status, headers and body are those of the first answer, and the second says that it is one."""
    first = await post(app.admin, "integrations", NEW)
    second = await post(app.admin, "integrations", NEW, X_Request_Id="second")
    assert (first.status, second.status, second.body) == (201, 201, first.body)
    assert [second.headers[name] for name in ("Location", "ETag", "Content-Type")] == [
        first.headers[name] for name in ("Location", "ETag", "Content-Type")
    ]
    assert (second.headers["X-Request-Id"], second.headers["Idempotent-Replayed"]) == ("second", "true")
    assert "Idempotent-Replayed" not in first.headers
    assert len((await app.admin.call("GET", "integrations")).body["items"]) == 1


async def test_a_key_in_quotes_is_the_same_key(app: LiveApp) -> None:
    """The draft writes it as a structured field, most clients without."""
    first = await post(app.admin, "integrations", NEW)
    assert (await post(app.admin, "integrations", NEW, key=f'"{KEY}"')).body == first.body


async def test_without_a_key_everything_is_done_again(app: LiveApp) -> None:
    """Two keys are two requests as well."""
    for headers in ({}, {}, {"Idempotency_Key": "a"}, {"Idempotency_Key": "b"}):
        assert (await app.admin.call("POST", "integrations", NEW, **headers)).status == 201
    assert len((await app.admin.call("GET", "integrations")).body["items"]) == 4


async def test_another_request_with_the_key_is_refused(app: LiveApp) -> None:
    """Another body, another operation, another caller: 422 with what to do."""
    await post(app.admin, "integrations", NEW)
    for refused in (
        await post(app.admin, "integrations", {**NEW, "name": "Other"}),
        await post(app.admin, "integrations/x/sync", {}),
        await post(app.client(Role.TENANT_ADMIN, user="bob"), "integrations", NEW),
    ):
        assert (refused.status, refused.body["code"]) == (422, "idempotency_key_reused")
        assert refused.wrong_fields == ["Idempotency-Key"]
    other = app.client(Role.TENANT_ADMIN, tenant="other")
    assert (await post(other, "integrations", NEW)).status == 201


@pytest.mark.parametrize("key", ["", " ", '""', "a b", "x" * 256, "sch\u00f6n"])
async def test_a_key_has_a_form(app: LiveApp, key: str) -> None:
    """400 for what is no key."""
    refused = await post(app.admin, "integrations", NEW, key=key)
    assert (refused.status, refused.body["code"]) == (400, "malformed_request")
    assert "1 to 255 visible ASCII characters" in refused.body["detail"]


async def test_a_refusal_is_remembered_too(app: LiveApp) -> None:
    """The same key gets the same 409, although the cause is gone; a new one gets on."""
    made = await app.admin.call("POST", "integrations", NEW)
    path = f"integrations/{made.body['id']}"
    first = await post(app.admin, f"{path}/sync")
    await app.admin.call("POST", f"{path}/activate")
    again = await post(app.admin, f"{path}/sync")
    assert (first.status, again.status, again.body) == (409, 409, first.body)
    assert again.headers["Content-Type"] == "application/problem+json"
    assert (await post(app.admin, f"{path}/sync", key="new")).status == 202


async def test_a_sync_is_started_once(app: LiveApp) -> None:
    """The second request names the run of the first instead of being refused."""
    made = await app.admin.call("POST", "integrations", NEW)
    path = f"integrations/{made.body['id']}"
    await app.admin.call("POST", f"{path}/activate")
    answers = [await post(app.admin, f"{path}/sync", {"mode": "full"}) for _ in range(3)]
    assert [answer.status for answer in answers] == [202, 202, 202]
    assert len({answer.body["executionId"] for answer in answers}) == 1
    assert len((await app.admin.call("GET", f"{path}/executions")).body["items"]) == 1


async def test_a_super_admin_needs_no_tenant_for_a_key(app: LiveApp) -> None:
    """Providers belong to nobody."""
    root = app.client(Role.SUPER_ADMIN, tenant=None)
    answers = [await post(root, "providers", PROVIDER) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 201]


class Made(WireModel):
    """What a failing operation makes in the end."""

    object_id: str
    repeated: bool


class Operation:
    """Fails as told, then works."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self, call: Call) -> Answer:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return Answer(Made(object_id=call.object_id, repeated=call.repeated), HTTPStatus.CREATED)

    async def request(self) -> HttpResponse:
        route = Route("Try", "POST", "try", "Try", self, frozenset(Role), Made, takes_key=True)
        token = bootstrap.local_identity().issue("ada", "acme", [Role.USER], 60)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": KEY}
        return await serve(route, HttpRequest("POST", "/api/try", headers=headers, body=b""))


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("a defect"), 500), (StopError("settings"), 500), (ThrottledError("slowly"), 429)],
)
@pytest.mark.usefixtures("app")
async def test_a_failure_is_not_remembered(error: Exception, status: int) -> None:
    """The next attempt is made at once, knows that it is one, and makes the object of the same id."""
    operation = Operation(error)
    assert (await operation.request()).status_code == status
    made, again = await operation.request(), await operation.request()
    assert orjson.loads(made.get_body())["repeated"] is True
    assert (made.status_code, again.status_code, operation.calls) == (201, 201, 2)
    assert again.get_body() == made.get_body()


async def test_a_provider_that_an_attempt_before_a_crash_created_is_found(app: LiveApp) -> None:
    """The same document is taken for it; another one of that id is somebody else's."""
    providers = (await bootstrap.runtime()).providers
    root = app.client(Role.SUPER_ADMIN, tenant=None)
    made = (await root.call("POST", "providers", PROVIDER)).body
    document = ProviderDocument.model_validate(PROVIDER)
    assert (await providers.create(document, repeated=True)).etag == made["etag"]
    assert (await root.call("POST", "providers", {**PROVIDER, "displayName": "x"})).status == 409


async def test_the_openapi_document_shows_which_requests_take_a_key(app: LiveApp) -> None:
    """They are those that create or start something; storing credentials never does."""
    document = (await app.with_token(None).call("GET", "openapi.json")).body
    taking = {
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        if "Idempotency-Key" in {parameter["name"] for parameter in operation["parameters"]}
    }
    assert {"CreateProvider", "CreateIntegration", "StartSync"} <= taking
    assert "SetCredentials" not in taking
