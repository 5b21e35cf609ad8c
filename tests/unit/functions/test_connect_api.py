"""Connecting by signing in at the provider, and ending that."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from yarl import URL

from shared.domain.caller import Role
from shared.telemetry.logs import configure_logging
from tests.fakes.provider_server import ProviderServer, provider_server, thing
from tests.fakes.token_server import CLIENT_ID, TokenServer, token_server
from tests.unit.functions.connecting import connecting, user
from tests.unit.functions.live_app import LiveApp, live_app
from tests.unit.functions.test_sync_through_queue import files_with, synced


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveApp]:
    async with live_app(tmp_path, monkeypatch) as started:
        yield started


@pytest.fixture
async def server() -> AsyncIterator[ProviderServer]:
    async with provider_server() as started:
        started.things = [thing(number) for number in range(1, 8)]
        yield started


@pytest.fixture
async def tokens() -> AsyncIterator[TokenServer]:
    async with token_server() as started:
        yield started


async def test_an_integration_connects_and_syncs(
    app: LiveApp, server: ProviderServer, tokens: TokenServer
) -> None:
    """A tenant admin signs in once; the sync uses the access token that came with it."""
    world = await connecting(app, server, tokens, scopes=["things:read"])
    page = await world.connect()
    assert (page.status, "is connected" in page.text) == (200, True)
    (connection,) = await world.connections()
    assert (connection["status"], connection["userId"]) == ("active", None)
    assert connection["scopesAsked"] == ["things:read"]
    assert connection["consent"]["userId"] == "ada"
    assert connection["consent"]["purpose"] == "Synchronising records"
    execution = await synced(app, world.path)
    assert (execution["status"], execution["counts"]["created"]) == ("succeeded", 7)
    assert {request.headers["Authorization"] for request in server.requests} == {"Bearer access-1"}
    assert [form["grant_type"] for form in tokens.forms] == ["authorization_code"]


async def test_the_browser_is_sent_with_a_challenge_and_a_cookie(
    app: LiveApp, server: ProviderServer, tokens: TokenServer
) -> None:
    """PKCE by SHA-256, a state of its own each time, and a cookie that scripts and other paths don't get."""
    parameters = {"access_type": "offline"}
    world = await connecting(app, server, tokens, scopes=["a", "b"], authorizationParameters=parameters)
    begun = await app.admin.call("POST", f"{world.path}/connection/authorize", {"purpose": "Billing"})
    asked = URL(begun.body["authorizationUrl"]).query
    assert asked["response_type"] == "code"
    assert (asked["client_id"], asked["scope"], asked["access_type"]) == (CLIENT_ID, "a b", "offline")
    assert asked["redirect_uri"] == "http://127.0.0.1:7071/api/oauth/callback"
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    attributes = set(begun.headers["Set-Cookie"].split("; ")[1:])
    assert attributes == {"Path=/api/oauth/callback", "Max-Age=600", "HttpOnly", "SameSite=Lax"}
    assert begun.headers["Cache-Control"] == "no-store"
    again, _cookie = await world.begin()
    assert URL(again).query["state"] != asked["state"]


async def test_the_page_runs_and_loads_nothing(
    app: LiveApp, server: ProviderServer, tokens: TokenServer
) -> None:
    """It tells no other site where it came from, and is no place for scripts."""
    page = await (await connecting(app, server, tokens)).connect()
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Content-Type"].startswith("text/html")


async def test_users_connect_themselves_where_the_integration_lets_them(
    app: LiveApp, server: ProviderServer, tokens: TokenServer
) -> None:
    """Each sees and ends their own; the tenant's connection is another."""
    world = await connecting(app, server, tokens, user_scoped=True)
    bob = user(app)
    assert (await world.connect(bob)).status == 200
    (own,) = (await bob.call("GET", f"{world.path}/connections")).body["items"]
    assert own["userId"] == "bob"
    carol = user(app, "carol")
    assert (await carol.call("GET", f"{world.path}/connections")).body["items"] == []
    path = f"{world.path}/connections/{own['id']}"
    assert (await carol.call("GET", path)).status == 404
    assert (await carol.call("DELETE", path)).status == 404
    assert (await bob.call("DELETE", path)).status == 204
    assert (await bob.call("GET", path)).body["status"] == "disconnected"


async def test_users_do_not_connect_what_is_the_tenants(
    app: LiveApp, server: ProviderServer, tokens: TokenServer
) -> None:
    """403, with the reason."""
    world = await connecting(app, server, tokens)
    refused = await user(app).call("POST", f"{world.path}/connection/authorize", {})
    assert (refused.status, "tenant admin" in refused.body["detail"]) == (403, True)


async def test_ending_a_connection_gives_the_token_back(
    app: LiveApp, server: ProviderServer, tokens: TokenServer
) -> None:
    """The document stays as evidence; secret and access token are gone, and syncs say what to do."""
    world = await connecting(app, server, tokens)
    await world.connect()
    (connection,) = await world.connections()
    path = f"{world.path}/connections/{connection['id']}"
    assert (await app.admin.call("DELETE", path)).status == 204
    assert (await app.admin.call("DELETE", path)).status == 204
    assert tokens.revoked == ["refresh-1"]
    ended = (await app.admin.call("GET", path)).body
    assert (ended["status"], ended["revokedAtProvider"]) == ("disconnected", True)
    assert ended["consent"]["userId"] == "ada"
    assert (await world.stored())["access-tokens"] == 0
    execution = await synced(app, world.path)
    assert (execution["status"], execution["error"]["code"]) == ("failed", "credentials_rejected")
    assert (await world.connect()).status == 200
    assert (await synced(app, world.path))["status"] == "succeeded"


async def test_deleting_the_integration_ends_its_connections(
    app: LiveApp, server: ProviderServer, tokens: TokenServer
) -> None:
    """Also an active one; the record tells the steps."""
    world = await connecting(app, server, tokens, user_scoped=True)
    await world.connect()
    await world.connect(user(app))
    deleted = await app.admin.call("DELETE", world.path)
    assert deleted.status == 204
    record = await app.admin.call("GET", deleted.headers["Location"].removeprefix("/api/"))
    assert (record.body["status"], len(record.body["steps"])) == ("completed", 5)
    assert sorted(tokens.revoked) == ["refresh-1", "refresh-2"]
    assert (await world.stored())["connections"] == 0
    assert (await app.admin.call("DELETE", world.path)).status == 204
    assert (await app.client(Role.TENANT_ADMIN, tenant="other").call("DELETE", world.path)).status == 404


async def test_no_secret_lies_open(
    app: LiveApp, server: ProviderServer, tokens: TokenServer, tmp_path: Path
) -> None:
    """Neither tokens nor code, verifier, state and cookie are in files or logs."""
    log = io.StringIO()
    configure_logging("debug", log)
    world = await connecting(app, server, tokens)
    url, cookie = await world.begin()
    back = tokens.allow(url)
    await world.come_back(back, cookie)
    verifier = tokens.forms[0]["code_verifier"]
    secrets = ["refresh-1", "access-1", back["code"], back["state"], verifier, cookie.partition("=")[2]]
    for secret in secrets:
        assert files_with(tmp_path, secret) == []
        assert secret not in log.getvalue()
