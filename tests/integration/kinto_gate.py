"""A resource server (RFC 6750) before a Kinto: only who brings a living access token gets through."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from tests.doubles.faults import Faults
from tests.doubles.proxy import handed_on
from tests.doubles.server import DoubleServer
from tests.integration.oidc_server import OidcServer

_SCHEME = "Bearer "


@dataclass(frozen=True, slots=True)
class KintoGate:
    """The gate and how often it let somebody through (200) or not (401)."""

    url: str
    answers: Counter[int] = field(default_factory=Counter)


@asynccontextmanager
async def kinto_gate(kinto_url: str, oidc: OidcServer) -> AsyncIterator[KintoGate]:
    """Hand on to Kinto what comes with a token that the server calls active (RFC 7662)."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def let_in(request: web.Request) -> web.Response:
            token = request.headers.get("Authorization", "").removeprefix(_SCHEME)
            told = await oidc.post("/token/introspection", token=token or "none")
            gate.answers[200 if told["active"] else 401] += 1
            if not told["active"]:
                return web.Response(status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
            # Kinto makes links to next pages of the host, so it gets ours; the token is none of its business.
            return await handed_on(request, session, kinto_url, without={"authorization"})

        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", let_in)
        server = DoubleServer(app, Faults())
        await server.start()
        gate = KintoGate(server.url)
        try:
            yield gate
        finally:
            await server.stop()
