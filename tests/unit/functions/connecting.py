"""Connecting through the API as a browser does it, with an authorisation server on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp

from shared.domain.caller import Role
from shared.ports.documents import Query
from tests.fakes.provider_server import ProviderServer
from tests.fakes.token_server import CLIENT_ID, CLIENT_SECRET, TokenServer
from tests.unit.functions.live_app import Client, LiveApp
from tests.unit.functions.test_sync_through_queue import connected


@dataclass
class Page:
    """What a person sees."""

    status: int
    text: str
    headers: Any


class Connecting:
    """An integration with a client, and browsers that connect it."""

    def __init__(self, app: LiveApp, tokens: TokenServer, path: str) -> None:
        self.app = app
        self.tokens = tokens
        self.path = path

    async def begin(self, client: Client | None = None) -> tuple[str, str]:
        """Begin as a caller; return where the browser is sent, and its cookie."""
        begun = await (client or self.app.admin).call("POST", f"{self.path}/connection/authorize", {})
        assert begun.status == 200, begun.body
        cookie = begun.headers["Set-Cookie"].partition(";")[0]
        return begun.body["authorizationUrl"], cookie

    async def come_back(self, query: dict[str, str], cookie: str | None) -> Page:
        """Open the callback's address in a browser with this cookie."""
        url = f"{self.app.url}/api/oauth/callback"
        headers = {"Cookie": cookie} if cookie else {}
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, params=query, headers=headers) as page,
        ):
            return Page(page.status, await page.text(), page.headers)

    async def connect(self, client: Client | None = None) -> Page:
        """Do all of it."""
        url, cookie = await self.begin(client)
        return await self.come_back(self.tokens.allow(url), cookie)

    async def connections(self) -> list[dict[str, Any]]:
        listed = await self.app.admin.call("GET", f"{self.path}/connections")
        items: list[dict[str, Any]] = listed.body["items"]
        return items

    async def stored(self) -> dict[str, int]:
        """How much is stored that connecting makes."""
        from shared import bootstrap  # noqa: PLC0415 - the app's own, once it runs

        documents = (await bootstrap.runtime()).documents
        return {
            container: len((await documents.query(container, Query(("acme",), limit=100))).items)
            for container in ("connections", "access-tokens", "notifications")
        }


async def connecting(
    app: LiveApp, server: ProviderServer, tokens: TokenServer, *, user_scoped: bool = False, **auth: Any
) -> Connecting:
    """Make a provider, an integration, and its client's credentials."""
    urls = {
        "tokenUrl": f"{tokens.url}/token",
        "authorizationUrl": f"{tokens.url}/authorize",
        "revocationUrl": f"{tokens.url}/revoke",
    }
    path = await connected(app, server, {"kind": "oauth2AuthorizationCode", **urls, **auth})
    values = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
    stored = await app.admin.call("PUT", f"{path}/credentials", {"values": values})
    assert stored.status == 200, stored.body
    if user_scoped:
        await app.admin.call("PATCH", path, {"userScoped": True})
    return Connecting(app, tokens, path)


def user(app: LiveApp, name: str = "bob") -> Client:
    return app.client(Role.USER, user=name)
