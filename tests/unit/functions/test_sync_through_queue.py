"""A sync as its users see it: over the API, through the queue, from a provider on the network."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared import bootstrap
from shared.backends.embedded.file_secrets import FileSecretStore
from shared.backends.system_clock import SystemClock
from shared.domain.caller import Role
from shared.telemetry.logs import configure_logging
from tests.fakes import provider_server as faults
from tests.fakes.provider_server import DOCUMENT, ProviderServer, provider_server, thing
from tests.fakes.token_server import CLIENT_ID, CLIENT_SECRET, TokenServer, token_server
from tests.secrets_used import secret
from tests.unit.functions.live_app import LiveApp, live_app

SECRET = secret("key")
MAPPING = {
    "entity": "thing",
    "shardTypeId": "thing",
    "fields": [{"externalField": "id", "shardField": "name", "required": True}],
}


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveApp]:
    async with live_app(tmp_path, monkeypatch, [("LOG_LEVEL", "debug")]) as started:
        yield started


@pytest.fixture
async def server() -> AsyncIterator[ProviderServer]:
    async with provider_server() as started:
        started.things = [thing(number) for number in range(1, 8)]
        yield started


async def connected(app: LiveApp, server: ProviderServer, auth: dict[str, Any]) -> str:
    """Add the provider with this kind of authentication, and an integration that uses it."""
    document = {**DOCUMENT, "rest": {**DOCUMENT["rest"], "auth": auth}}
    root = app.client(Role.SUPER_ADMIN, tenant=None)
    assert (await root.call("POST", "providers", document)).status == 201
    new = {"providerId": "things", "name": "Things", "entityMappings": [MAPPING]}
    settings = {"serverUrl": server.url, "shelf": "s1"}
    made = await app.admin.call("POST", "integrations", {**new, "settings": settings})
    assert made.status == 201, made.body
    await app.admin.call("POST", f"integrations/{made.body['id']}/activate")
    path: str = f"integrations/{made.body['id']}"
    return path


async def connected_by_refresh_token(
    app: LiveApp, server: ProviderServer, tokens: TokenServer, refresh_token: str
) -> str:
    """Do so with an authorisation server, and store what a tenant admin has from there."""
    urls = {"tokenUrl": f"{tokens.url}/token", "authorizationUrl": f"{tokens.url}/authorize"}
    path = await connected(app, server, {"kind": "oauth2AuthorizationCode", **urls})
    values = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET, "refreshToken": refresh_token}
    stored = await app.admin.call("PUT", f"{path}/credentials", {"values": values})
    assert stored.status == 200
    return path


def files_with(folder: Path, text: str) -> list[str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file.name for file in files if text.encode() in file.read_bytes()]


async def synced(app: LiveApp, path: str, order: dict[str, str] | None = None) -> dict[str, Any]:
    """Start a run and return its record once it has ended."""
    started = await app.admin.call("POST", f"{path}/sync", order or {})
    return await ended(app, started.body["executionId"])


async def ended(app: LiveApp, execution_id: str) -> dict[str, Any]:
    """Return the record of a run once it has ended and given its lease back."""
    async with asyncio.timeout(30):
        while True:
            execution = await app.admin.call("GET", f"executions/{execution_id}")
            body: dict[str, Any] = execution.body
            if body["status"] not in {"queued", "running"} and await is_free(body["integrationId"]):
                return body


async def is_free(integration_id: str) -> bool:
    documents = (await bootstrap.runtime()).documents
    lease = await documents.get("leases", ("acme",), f"sync.{integration_id}")
    return lease is None or lease.body["owner"] is None


async def test_a_provider_that_asks_for_a_key_gets_it(
    app: LiveApp, server: ProviderServer, tmp_path: Path
) -> None:
    """It goes to the provider and nowhere else: no document, no message, no log line and no answer has it."""
    log = io.StringIO()
    configure_logging("debug", log)
    path = await connected(app, server, {"kind": "apiKey", "header": "X-Api-Key"})
    refused = await synced(app, path)
    assert (refused["status"], refused["error"]["code"]) == ("failed", "credentials_rejected")
    stored = await app.admin.call("PUT", f"{path}/credentials", {"values": {"apiKey": SECRET}})
    assert stored.status == 200
    assert set(stored.body) == {"version", "createdAt"}
    execution = await synced(app, path)
    assert (execution["status"], execution["counts"]["created"]) == ("succeeded", 7)
    assert {request.headers["X-Api-Key"] for request in server.requests} == {SECRET}
    assert files_with(tmp_path, SECRET) == []
    assert SECRET not in log.getvalue()
    assert SECRET not in str((await app.admin.call("GET", path)).body)


async def test_a_new_key_is_used_from_the_next_step_on(app: LiveApp, server: ProviderServer) -> None:
    """The former version is not remembered longer than it is named."""
    path = await connected(app, server, {"kind": "bearer"})
    for token in ("first", "second"):
        await app.admin.call("PUT", f"{path}/credentials", {"values": {"token": token}})
        await synced(app, path)
        assert server.requests[-1].headers["Authorization"] == f"Bearer {token}"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "values.apiKey"),
        ({"apiKey": "x", "more": "y"}, "values.more"),
        ({"apiKey": "x" * 9000}, "values.apiKey"),
    ],
)
async def test_other_credentials_than_the_provider_asks_for_are_refused(
    app: LiveApp, server: ProviderServer, values: dict[str, str], field: str
) -> None:
    """The answer names the field and not the value."""
    path = await connected(app, server, {"kind": "apiKey", "header": "X-Api-Key"})
    reply = await app.admin.call("PUT", f"{path}/credentials", {"values": values})
    assert (reply.status, reply.wrong_fields) == (422, [field])
    assert "xxx" not in str(reply.body)


async def test_deleting_an_integration_deletes_its_secret(app: LiveApp, server: ProviderServer) -> None:
    """Nothing is left that could still open the provider's door."""
    path = await connected(app, server, {"kind": "bearer"})
    await app.admin.call("PUT", f"{path}/credentials", {"values": {"token": "t"}})
    await app.admin.call("POST", f"{path}/disable")
    assert (await app.admin.call("DELETE", path)).status == 204
    secrets = await FileSecretStore.open(app.data_folder / "secrets", SystemClock())
    assert list(await secrets.names()) == []


async def test_a_stored_refresh_token_makes_syncs_work(
    app: LiveApp, server: ProviderServer, tmp_path: Path
) -> None:
    """Tokens are had with it and renewed when one is rejected; no file and no log line has any of them."""
    log = io.StringIO()
    configure_logging("debug", log)
    async with token_server() as tokens:
        path = await connected_by_refresh_token(app, server, tokens, "refresh-0")
        server.faults.append(faults.status(401))
        execution = await synced(app, path)
    assert (execution["status"], execution["counts"]["created"]) == ("succeeded", 7)
    assert [request.headers["Authorization"] for request in server.requests[:2]] == [
        "Bearer access-1",
        "Bearer access-2",
    ]
    assert [form["refresh_token"] for form in tokens.forms] == ["refresh-0", "refresh-1"]
    for value in ("access-1", "access-2", "refresh-1", "refresh-2", CLIENT_SECRET):
        assert files_with(tmp_path, value) == []
        assert value not in log.getvalue()


async def test_a_dead_grant_ends_the_run(app: LiveApp, server: ProviderServer) -> None:
    """As credentials that somebody has to store again."""
    async with token_server() as tokens:
        path = await connected_by_refresh_token(app, server, tokens, "unknown")
        execution = await synced(app, path)
    assert (execution["status"], execution["error"]["code"]) == ("failed", "credentials_rejected")
    assert server.requests == []
