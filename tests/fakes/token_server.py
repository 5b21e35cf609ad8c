"""An authorisation server on this machine: it rotates refresh tokens, and an old one ends the grant."""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web
from yarl import URL

from tests.fakes.provider_server import Fault
from tests.secrets_used import secret

CLIENT_ID = "the client"
CLIENT_SECRET = secret("/+:&ä")


class TokenServer:
    """Answers `POST /token` and `/revoke`; each fault takes the place of one answer.

    `allow` is what the person's browser would come back with from `GET /authorize`.

    `extra` goes into every grant; a None there takes a key out.
    """

    def __init__(self) -> None:
        self.rotates = True
        self.extra: dict[str, Any] = {}
        self.faults: deque[Fault] = deque()
        self.forms: list[dict[str, str]] = []
        self.requests: list[web.Request] = []
        self.refresh_token: str | None = "refresh-0"
        self.issued = 0
        self.codes: dict[str, dict[str, str]] = {}
        self.revoked: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        if self.faults:
            return await self.faults.popleft()(request)
        if _client_of(request, form) != (CLIENT_ID, CLIENT_SECRET):
            return web.json_response({"error": "invalid_client"}, status=401)
        if form["grant_type"] == "authorization_code":
            return self._exchanged(form)
        if form["grant_type"] == "refresh_token":
            return self._refreshed(form["refresh_token"])
        return self._granted({})

    def allow(self, authorization_url: str) -> dict[str, str]:
        """Let somebody in who was sent here; return what the address back has."""
        asked = dict(URL(authorization_url).query)
        code = f"code-{len(self.codes) + 1}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.url}

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if self.faults:
            return await self.faults.popleft()(request)
        if _client_of(request, form) != (CLIENT_ID, CLIENT_SECRET):
            return web.json_response({"error": "invalid_client"}, status=401)
        self.revoked.append(form["token"])
        return web.Response()

    def _exchanged(self, form: dict[str, str]) -> web.Response:
        asked = self.codes.pop(form["code"], None)
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).decode().rstrip("=")
        wanted = asked and (asked["redirect_uri"], asked["code_challenge"])
        if wanted != (form["redirect_uri"], challenge):
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.refresh_token = f"refresh-{self.issued + 1}"
        return self._granted({"refresh_token": self.refresh_token})

    def _refreshed(self, token: str) -> web.Response:
        if token != self.refresh_token:
            self.refresh_token = None
            return web.json_response({"error": "invalid_grant"}, status=400)
        if not self.rotates:
            return self._granted({})
        self.refresh_token = f"refresh-{self.issued + 1}"
        return self._granted({"refresh_token": self.refresh_token})

    def _granted(self, more: dict[str, Any]) -> web.Response:
        self.issued += 1
        grant = {"access_token": f"access-{self.issued}", "token_type": "Bearer", "expires_in": 3600}
        whole = {**grant, **more, **self.extra}
        return web.json_response({name: value for name, value in whole.items() if value is not None})


@asynccontextmanager
async def token_server() -> AsyncIterator[TokenServer]:
    """Run an authorisation server on a free port of 127.0.0.1."""
    server = TokenServer()
    app = web.Application()
    app.router.add_post("/token", server.answer)
    app.router.add_post("/revoke", server.revoke)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def _client_of(request: web.Request, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    name, _, secret = base64.b64decode(encoded).decode().partition(":")
    return unquote_plus(name), unquote_plus(secret)
