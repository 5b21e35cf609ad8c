"""The running app, a Kinto behind a gate, an OpenID server, and people who connect the one to the other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.integration.app_process import AppProcess
from tests.integration.browser import Page
from tests.integration.kinto_gate import kinto_gate
from tests.integration.kinto_server import KintoServer, kinto_collection
from tests.integration.oidc_server import OidcServer
from tests.integration.oidc_world import CLIENT, PERSON, gated_kinto
from tests.integration.refresh_readers import MAPPING, ROWS

ACCESS_TOKEN_SECONDS = 3
CONSENT_FORM = "input[name=prompt][value=consent]"


@dataclass(frozen=True, slots=True)
class ConnectWorld:
    """An integration whose client credentials are stored, and that nobody has connected yet."""

    app: AppProcess
    oidc: OidcServer
    integration_id: str

    @property
    def path(self) -> str:
        return f"integrations/{self.integration_id}"

    async def begin(self, page: Page) -> str:
        """Ask for an authorisation in a browser as a user interface does; return where it leads."""
        await page.open(f"{self.app.url}/api/health/live")
        options = {
            "method": "POST",
            "headers": {"Authorization": f"Bearer {self.app.token}", "Content-Type": "application/json"},
            "body": json.dumps({"purpose": "Read our rows"}),
        }
        url = f"/api/{self.path}/connection/authorize"
        answer = await page.run(f"fetch({json.dumps(url)}, {json.dumps(options)}).then(it => it.json())")
        return str(answer["authorizationUrl"])

    async def sign_in(self, page: Page, authorization_url: str) -> None:
        """Sign in at the server; the question whether the app may come in is left open."""
        await page.open(authorization_url)
        await page.fill("input[name=login]", "ada")
        await page.fill("input[name=password]", "anything")
        await page.click("button[type=submit]")
        await page.wait_for(f"document.querySelector({json.dumps(CONSENT_FORM)}) !== null")

    async def answer(self, page: Page, selector: str) -> str:
        """Click what answers that question, and return what the app says then."""
        await page.click(selector)
        await page.wait_for_address(f"{self.app.url}/api/oauth/callback")
        return await page.text()

    async def connections(self) -> list[dict[str, Any]]:
        found = await self.app.call("GET", f"{self.path}/connections")
        items: list[dict[str, Any]] = found["items"]
        return items

    async def sync(self) -> str:
        """Run a full sync and return how it ended."""
        started = await self.app.call("POST", f"{self.path}/sync", {"mode": "full"})
        return str((await self.app.finished(started["executionId"]))["status"])

    async def events(self, kind: str) -> int:
        """How often the server granted tokens in that way."""
        return sum(event.name == "grant.success" and event.kind == kind for event in await self.oidc.events())

    async def names(self) -> set[str]:
        return {event.name for event in await self.oidc.events()}


@asynccontextmanager
async def connect_world(folder: Path, script: Path, kinto: KintoServer) -> AsyncIterator[ConnectWorld]:
    """Start app, server and gate, and make the integration."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        # Everything is logged, so that hygiene sees it.
        app = AppProcess(folder, session, "development", {"INTEGRATIONS_LOG_LEVEL": "debug"})
        oidc = OidcServer(
            script,
            access_token_seconds=ACCESS_TOKEN_SECONDS,
            redirect_uri=f"{app.url}/api/oauth/callback",
        )
        stack.callback(oidc.stop)
        oidc.start()
        stack.callback(app.kill)
        await app.start()
        async with kinto_collection(kinto.url, "connect", folder.name) as rows:
            await rows.put([{"id": f"r{number}", "number": number} for number in range(ROWS)])
        gate = await stack.enter_async_context(kinto_gate(kinto.url, oidc))
        settings = {"serverUrl": gate.url, "bucket": "connect", "collection": folder.name}
        await app.add_provider(gated_kinto(PERSON))
        new: dict[str, Any] = {
            "providerId": "gated-kinto",
            "name": "Rows",
            "settings": {**settings, "authServerUrl": oidc.url},
            "entityMappings": [MAPPING],
        }
        made = str((await app.call("POST", "integrations", new))["id"])
        await app.call("PUT", f"integrations/{made}/credentials", {"values": CLIENT})
        yield ConnectWorld(app, oidc, made)
