"""A vault's REST interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from tests.doubles.faults import Faults, Handler
from tests.doubles.keyvault.vault import RefusedError, Vault

CHALLENGE = (
    'Bearer authorization="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000001", '
    'resource="https://vault.azure.net"'
)
PAGE = 25


def make_app(vault: Vault, faults: Faults, accepts: Callable[[str], bool]) -> web.Application:
    app = web.Application(middlewares=[faults.middleware, _answer_errors, _authorized(accepts)])
    resource = _Resource(vault)
    app.add_routes(
        [
            web.get("/secrets", resource.live),
            web.put("/secrets/{name}", resource.set),
            web.delete("/secrets/{name}", resource.delete),
            web.get("/secrets/{name}/versions", resource.versions),
            web.get("/secrets/{name}/{version:[^/]*}", resource.get),
            web.patch("/secrets/{name}/{version:[^/]*}", resource.update),
            web.get("/deletedsecrets", resource.dead),
            web.get("/deletedsecrets/{name}", resource.get_deleted),
            web.delete("/deletedsecrets/{name}", resource.purge),
            web.post("/deletedsecrets/{name}/recover", resource.recover),
        ]
    )
    return app


class _Resource:
    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def set(self, request: web.Request) -> web.Response:
        return web.json_response(self._vault.set(_name(request), await request.json()))

    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(self._vault.get(_name(request), request.match_info["version"]))

    async def update(self, request: web.Request) -> web.Response:
        version = request.match_info["version"]
        return web.json_response(self._vault.update(_name(request), version, await request.json()))

    async def delete(self, request: web.Request) -> web.Response:
        return web.json_response(self._vault.delete(_name(request)))

    async def versions(self, request: web.Request) -> web.Response:
        return self._page(request, self._vault.versions(_name(request)))

    async def live(self, request: web.Request) -> web.Response:
        return self._page(request, self._vault.live())

    async def dead(self, request: web.Request) -> web.Response:
        return self._page(request, self._vault.dead())

    async def get_deleted(self, request: web.Request) -> web.Response:
        return web.json_response(self._vault.get_deleted(_name(request)))

    async def recover(self, request: web.Request) -> web.Response:
        return web.json_response(self._vault.recover(_name(request)))

    async def purge(self, request: web.Request) -> web.Response:
        self._vault.purge(_name(request))
        return web.Response(status=204)

    def _page(self, request: web.Request, items: list[dict[str, Any]]) -> web.Response:
        start = int(request.query.get("$skiptoken", "0"))
        end = start + min(PAGE, int(request.query.get("maxresults", PAGE)))
        query = {**request.query, "$skiptoken": str(end)}
        following = str(request.url.with_query(query)) if end < len(items) else None
        return web.json_response({"value": items[start:end], "nextLink": following})


def _authorized(accepts: Callable[[str], bool]) -> Middleware:
    """Answer who has no accepted token with the challenge."""

    @web.middleware
    async def authorize(request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not accepts(token):
            return web.json_response(
                {"error": {"code": "Unauthorized", "message": "AKV10000"}},
                status=401,
                headers={"WWW-Authenticate": CHALLENGE},
            )
        if "api-version" not in request.query:
            raise RefusedError(400, "BadParameter")
        return await handler(request)

    return authorize


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as refused:
        error: dict[str, Any] = {"code": refused.code, "message": f"{refused.code}: what the vault says"}
        if refused.inner:
            error["innererror"] = {"code": refused.inner}
        return web.json_response({"error": error}, status=refused.status)


def _name(request: web.Request) -> str:
    return request.match_info["name"]
