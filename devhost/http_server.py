"""Serves the app's HTTP functions, and the admin route that runs a timer at once."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterable, Mapping
from typing import Protocol

from aiohttp import web

from devhost.errors import InvocationError, StartupError
from devhost.http_messages import MAX_BODY_BYTES, request_datum, to_response
from devhost.indexing import HttpTrigger, LocalFunction
from devhost.invocation import Invoker
from devhost.keys import Keys
from devhost.routing import Route, Router

_logger = logging.getLogger("devhost.http")

_ADMIN_PATH = "/admin/functions/"


class Runnable(Protocol):
    """A timer, as the admin route sees it."""

    def run_now(self) -> None:
        """Start a run beside the schedule and return at once."""
        ...


class HttpServer:
    """One listening socket for all HTTP functions.

    Args:
        functions: The app's functions; those without an HTTP trigger are ignored.
        timers: What `POST /admin/functions/{name}` can run, by name in lower case.
        route_prefix: Stands before every function's route.

    Raises:
        StartupError: Routes that ASP.NET would refuse.
    """

    def __init__(
        self,
        functions: Iterable[LocalFunction],
        timers: Mapping[str, Runnable],
        invoker: Invoker,
        keys: Keys,
        route_prefix: str,
    ) -> None:
        self._functions = {function.name: function for function in functions}
        self._timers = timers
        self._invoker = invoker
        self._keys = keys
        self._router = Router(_routes(self._functions.values(), route_prefix))
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int, grace_seconds: float) -> str:
        """Listen, and return the URL; port 0 takes a free one. `grace_seconds` is what `stop` allows for.

        Raises:
            StartupError: The address can't be used.
        """
        for azure, here in self._router.shadowed_in_azure():
            _logger.warning(
                "In Azure %s (%s) takes the requests of %s (%s): names are tried in alphabetical order",
                *(azure.function, azure.template, here.function, here.template),
            )
        # One byte more, because aiohttp refuses a body of exactly its limit.
        app = web.Application(client_max_size=MAX_BODY_BYTES + 1)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=grace_seconds)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise StartupError(_why_not(host, port, error)) from error
        bound_port = self._runner.addresses[0][1]
        return f"http://{f'[{host}]' if ':' in host else host}:{bound_port}"

    async def stop(self) -> None:
        """Stop listening, let requests in hand finish within the grace period, then cancel them."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if path.lower().startswith(_ADMIN_PATH):
            return self._run_timer(request, path[len(_ADMIN_PATH) :].lower())
        match, allowed = self._router.find(request.method, path)
        if match is None:
            headers = {"Allow": ", ".join(sorted(allowed))}
            return web.Response(status=405, headers=headers) if allowed else web.Response(status=404)
        function = self._functions[match.function]
        if not self._may_call(request, function):
            return web.Response(status=401)
        data = await request_datum(request, match.parameters)
        try:
            answer = await self._invoker.invoke(function, data, {}, request.headers.get("traceparent"))
        except InvocationError:
            return web.Response(status=500)
        return to_response(answer) if answer is not None else web.Response(status=204)

    def _may_call(self, request: web.Request, function: LocalFunction) -> bool:
        level = function.trigger.auth_level if isinstance(function.trigger, HttpTrigger) else "ADMIN"
        return self._keys.allow(level, _presented_key(request))

    def _run_timer(self, request: web.Request, name: str) -> web.Response:
        if not self._keys.allow("ADMIN", _presented_key(request)):
            return web.Response(status=401)
        if name not in self._timers:
            return web.Response(status=404, text="no timer function of that name")
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        self._timers[name].run_now()
        return web.Response(status=202)


def _routes(functions: Iterable[LocalFunction], prefix: str) -> list[Route]:
    routes, problems = [], []
    for function in functions:
        if not isinstance(function.trigger, HttpTrigger):
            continue
        template = "/".join(part for part in (prefix.strip("/"), function.trigger.route) if part)
        try:
            routes.append(_route(function.name, template, function.trigger))
        except ValueError as error:
            problems.append(f"function {function.name!r}: route {template!r}: {error}")
    if problems:
        raise StartupError("\n".join(problems))
    return routes


def _route(function: str, template: str, trigger: HttpTrigger) -> Route:
    if trigger.route.startswith(("/", "~")):
        raise ValueError("a route can't start with '/' or '~'")
    if template.split("/", maxsplit=1)[0].lower() in {"admin", "runtime"}:
        raise ValueError("the host keeps routes under admin and runtime for itself")
    return Route.parse(function, template, trigger.methods)


def _presented_key(request: web.Request) -> str | None:
    return request.headers.get("x-functions-key") or request.query.get("code")


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken; choose another with --port"
    return f"can't listen on {host}:{port}: {error.strerror or error}"
