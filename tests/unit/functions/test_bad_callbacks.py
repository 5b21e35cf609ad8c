"""Callbacks that must not connect anything: for each what the person is told, and that nothing is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from shared.domain.caller import Role
from tests.fakes.provider_server import provider_server
from tests.fakes.token_server import token_server
from tests.unit.functions.connecting import Connecting, Page, connecting, user
from tests.unit.functions.live_app import live_app

NOTHING = {"connections": 0, "access-tokens": 0, "notifications": 0}


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connecting]:
    async with (
        live_app(tmp_path, monkeypatch) as app,
        provider_server() as server,
        token_server() as tokens,
    ):
        yield await connecting(app, server, tokens, user_scoped=True)


async def broken_state(world: Connecting) -> Page:
    url, cookie = await world.begin()
    return await world.come_back({**world.tokens.allow(url), "state": "x y"}, cookie)


async def no_state(world: Connecting) -> Page:
    return await world.come_back({"code": "code-1"}, None)


async def unknown_state(world: Connecting) -> Page:
    url, cookie = await world.begin()
    return await world.come_back({**world.tokens.allow(url), "state": "A" * 43}, cookie)


async def foreign_browser(world: Connecting) -> Page:
    url, _cookie = await world.begin()
    return await world.come_back(world.tokens.allow(url), None)


async def cookie_of_another_flow(world: Connecting) -> Page:
    url, _cookie = await world.begin()
    _url, other = await world.begin(user(world.app))
    return await world.come_back(world.tokens.allow(url), other)


async def no_code(world: Connecting) -> Page:
    url, cookie = await world.begin()
    back = world.tokens.allow(url)
    return await world.come_back({"state": back["state"]}, cookie)


async def unknown_code(world: Connecting) -> Page:
    url, cookie = await world.begin()
    return await world.come_back({**world.tokens.allow(url), "code": "code-99"}, cookie)


async def wrong_verifier(world: Connecting) -> Page:
    url, cookie = await world.begin()
    back = world.tokens.allow(url)
    world.tokens.codes[back["code"]]["code_challenge"] = "another"
    return await world.come_back(back, cookie)


async def person_says_no(world: Connecting) -> Page:
    url, cookie = await world.begin()
    state = world.tokens.allow(url)["state"]
    return await world.come_back({"state": state, "error": "access_denied"}, cookie)


async def odd_error(world: Connecting) -> Page:
    url, cookie = await world.begin()
    state = world.tokens.allow(url)["state"]
    return await world.come_back({"state": state, "error": "<script>alert(1)</script>"}, cookie)


async def client_changed_meanwhile(world: Connecting) -> Page:
    url, cookie = await world.begin()
    values = {"clientId": "other", "clientSecret": "other"}
    await world.app.admin.call("PUT", f"{world.path}/credentials", {"values": values})
    return await world.come_back(world.tokens.allow(url), cookie)


def answered(made: Callable[[], web.Response]) -> Callable[[Connecting], Awaitable[Page]]:
    async def attempt(world: Connecting) -> Page:
        async def fault(_request: web.Request) -> web.StreamResponse:
            return made()

        url, cookie = await world.begin()
        world.tokens.faults.append(fault)
        return await world.come_back(world.tokens.allow(url), cookie)

    return attempt


def without(name: str) -> Callable[[Connecting], Awaitable[Page]]:
    async def attempt(world: Connecting) -> Page:
        world.tokens.extra = {name: None}
        return await world.connect()

    return attempt


html = answered(lambda: web.Response(text="<html>login</html>", content_type="text/html"))
large = answered(lambda: web.Response(text='{"access_token":"' + "a" * 1_000_000 + '"}'))
down = answered(lambda: web.Response(status=503))
wrong_client = answered(lambda: web.json_response({"error": "invalid_client"}, status=401))

BAD: list[tuple[Callable[[Connecting], Awaitable[Page]], int, str]] = [
    (broken_state, 400, "no state of ours"),
    (no_state, 400, "no state of ours"),
    (unknown_state, 409, "begin again"),
    (foreign_browser, 403, "Another browser has begun this"),
    (cookie_of_another_flow, 403, "Another browser has begun this"),
    (no_code, 400, "sent no code"),
    (unknown_code, 409, "does not accept the code"),
    (wrong_verifier, 409, "does not accept the code"),
    (person_says_no, 409, "Access was not allowed at the provider"),
    (odd_error, 409, "The provider refused: an unknown reason"),
    (client_changed_meanwhile, 409, "credentials were changed meanwhile"),
    (html, 502, "something other than JSON"),
    (large, 502, "more than 65536 bytes"),
    (down, 503, "does not answer just now"),
    (wrong_client, 502, "does not accept the client"),
    (without("access_token"), 502, "without a usable access token"),
    (without("refresh_token"), 502, "gave no refresh token"),
]


@pytest.mark.parametrize(("attempt", "status", "words"), BAD)
async def test_a_bad_callback_stores_nothing(
    world: Connecting,
    attempt: Callable[[Connecting], Awaitable[Page]],
    status: int,
    words: str,
) -> None:
    """The person is told why on a page, and neither connection nor token is there afterwards."""
    page = await attempt(world)
    assert (page.status, words in page.text) == (status, True), page.text
    assert "<script>" not in page.text
    assert await world.stored() == NOTHING


async def test_a_callback_works_once(world: Connecting) -> None:
    """The same address opened again, as by a reload, changes nothing."""
    url, cookie = await world.begin()
    back = world.tokens.allow(url)
    assert (await world.come_back(back, cookie)).status == 200
    before = await world.connections()
    again = await world.come_back(back, cookie)
    assert (again.status, "begin again" in again.text) == (409, True)
    assert await world.connections() == before


async def test_a_foreign_browser_does_not_spoil_the_flow(world: Connecting) -> None:
    """Whoever only knows the address, such as a link preview, uses nothing up."""
    url, cookie = await world.begin()
    back = world.tokens.allow(url)
    assert (await world.come_back(back, None)).status == 403
    assert (await world.come_back(back, cookie)).status == 200


async def test_a_failed_reconnect_leaves_the_connection_as_it_was(world: Connecting) -> None:
    """What works goes on working."""
    await world.connect()
    before = await world.connections()
    assert (await unknown_code(world)).status == 409
    assert await world.connections() == before


async def test_another_tenant_can_not_begin_for_it(world: Connecting) -> None:
    """The integration is not there for others."""
    other = world.app.client(Role.TENANT_ADMIN, tenant="other")
    assert (await other.call("POST", f"{world.path}/connection/authorize", {})).status == 404
    assert (await other.call("GET", f"{world.path}/connections")).status == 404
