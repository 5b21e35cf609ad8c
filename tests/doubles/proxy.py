"""Stands before a real server and hands everything on, so that faults can be put between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from tests.doubles.faults import Faults
from tests.doubles.server import DoubleServer

_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


async def handed_on(
    request: web.Request, session: aiohttp.ClientSession, target: str, *, without: set[str]
) -> web.Response:
    """Send a request on to the target's URL, without the headers named (lower case); return its answer."""
    headers = [
        (name, value)
        for name, value in request.headers.items()
        if name.lower() not in _OF_ONE_CONNECTION | without
    ]
    async with session.request(
        request.method,
        f"{target}{request.raw_path}",
        headers=headers,
        data=await request.read(),
        skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
    ) as answer:
        kept = [
            (name, value) for name, value in answer.headers.items() if name.lower() not in _OF_ONE_CONNECTION
        ]
        response = web.Response(status=answer.status, headers=kept, body=await answer.read())
        if request.method == "HEAD":
            response.headers["Content-Length"] = answer.headers.get("Content-Length", "0")
        return response


@asynccontextmanager
async def faulty_proxy(target: str) -> AsyncIterator[DoubleServer]:
    """Hand requests on to the target's URL."""
    faults = Faults()
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def hand_on(request: web.Request) -> web.Response:
            return await handed_on(request, session, target, without={"host"})

        app = web.Application(middlewares=[faults.middleware], client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", hand_on)
        server = DoubleServer(app, faults)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()
