"""What a caller is told whose request is wrong: what it is, and what to do about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from shared import bootstrap
from shared.domain.caller import Role
from tests.unit.functions import bad_bodies, bad_callers, bad_moments, bad_values
from tests.unit.functions.bad_request import Bad, Errors
from tests.unit.functions.live_app import Client, LiveApp, Reply, live_app
from tests.unit.functions.test_api import PROVIDER, created

BAD = {**bad_bodies.BAD, **bad_values.BAD, **bad_callers.BAD, **bad_moments.BAD}


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveApp]:
    async with live_app(tmp_path, monkeypatch) as started:
        yield started


async def names(app: LiveApp) -> dict[str, str]:
    """Make what the requests are about."""
    root = app.client(Role.SUPER_ADMIN, tenant=None)
    locked = {**PROVIDER, "id": "locked"}
    locked["rest"] = {**PROVIDER["rest"], "auth": {"kind": "apiKey", "header": "X-Key"}}
    assert (await root.call("POST", "providers", locked)).status == 201
    made = await created(app.admin)
    active = await created(app.admin)
    assert (await app.admin.call("POST", f"integrations/{active['id']}/activate")).status == 200
    unmapped = await created(app.admin, entityMappings=[])
    other = await created(
        app.admin, providerId="locked", settings={"serverUrl": "http://x"}, entityMappings=[]
    )
    page = (await app.admin.call("GET", "integrations?limit=1")).body
    return {
        "{id}": made["id"],
        "{active}": active["id"],
        "{unmapped}": unmapped["id"],
        "{locked}": other["id"],
        "{continuation}": page["continuation"],
    }


def client_of(app: LiveApp, bad: Bad) -> Client:
    if bad.role is None:
        return app.with_token(None)
    return app.client(bad.role, tenant=bad.tenant)


def asked(headers: dict[str, str]) -> dict[str, str]:
    """Put a token of a role that nobody knows where the table asks for one."""
    if "Authorization" not in headers:
        return headers
    identity = bootstrap.local_identity()
    token = identity.issue("ada", "acme", cast("list[Role]", ["king"]), 60)
    return {**headers, "Authorization": f"Bearer {token}"}


def told(reply: Reply, made: dict[str, str]) -> tuple[int, str, str, Errors]:
    detail = reply.body["detail"]
    for name, value in made.items():
        detail = detail.replace(value, name)
    errors = [(error["field"], error["message"]) for error in reply.body.get("errors", [])]
    return reply.status, reply.body["code"], detail, errors


async def test_a_wrong_request_is_told_what_is_wrong_with_it(app: LiveApp) -> None:
    """Status, code, and the exact words, for every kind of mistake; none of them changes anything."""
    made = await names(app)
    before = (await app.admin.call("GET", "integrations")).body
    answers = {}
    for name, bad in BAD.items():
        path = bad.path
        for placeholder, value in made.items():
            path = path.replace(placeholder, value)
        headers = asked(bad.headers)
        reply = await client_of(app, bad).call(bad.method, path, bad.body, **headers)
        assert reply.headers["Content-Type"] == "application/problem+json", name
        answers[name] = told(reply, made)
    assert answers == {name: (bad.status, bad.code, bad.detail, bad.errors) for name, bad in BAD.items()}
    assert (await app.admin.call("GET", "integrations")).body == before


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("PATCH", "providers", 405, {"GET", "HEAD", "POST"}),
        ("DELETE", "integrations", 405, {"GET", "HEAD", "POST"}),
        ("HEAD", "integrations/x/sync", 405, {"POST"}),
        ("GET", "nowhere", 404, set()),
    ],
)
async def test_the_host_answers_what_no_route_takes(
    app: LiveApp, method: str, path: str, status: int, allowed: set[str]
) -> None:
    """405 names the methods that there are."""
    reply = await app.admin.call(method, path)
    assert reply.status == status
    assert set(filter(None, reply.headers.get("Allow", "").split(", "))) == allowed


async def test_a_request_id_that_makes_no_sense_is_not_taken_over(app: LiveApp) -> None:
    """It would stand in every line of the log."""
    for nonsense in ("a b", "x" * 129, "caf\u00e9", "<script>"):
        reply = await app.admin.call("GET", "integrations/x", X_Request_Id=nonsense)
        assert reply.headers["X-Request-Id"] == reply.body["requestId"] != nonsense
