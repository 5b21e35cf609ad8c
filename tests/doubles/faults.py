"""Faults between a service's double and its clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum, auto

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Fault(Enum):
    """What happens to a request instead of an answer."""

    RESET = auto()
    """The connection breaks before anything is done."""
    CUT = auto()
    """It is done, and the connection breaks before the answer."""
    SLOW = auto()
    """Nothing is done, and nothing comes, until the fault is over."""
    LATE = auto()
    """It is done, and nothing comes, until the fault is over."""
    THROTTLED = auto()
    """429 with Retry-After; nothing is done."""
    FAILED = auto()
    """503; nothing is done."""


def never(_request: web.Request) -> Fault | None:
    return None


class Faults:
    """Stands before the handlers of a double.

    Attributes:
        plan: Which fault a request meets, if any.
        retry_after: The header of 429.
        requests: How many came, faults or not.
    """

    def __init__(self) -> None:
        self.plan: Callable[[web.Request], Fault | None] = never
        self.retry_after = "2"
        self.requests = 0
        self._over = asyncio.Event()

    def end(self) -> None:
        """Let held requests go; they end without an answer."""
        self._over.set()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests += 1
        fault = self.plan(request)
        if fault is None:
            return await handler(request)
        if fault in {Fault.CUT, Fault.LATE}:
            await handler(request)
        if fault in {Fault.SLOW, Fault.LATE}:
            await self._over.wait()
        if fault is Fault.THROTTLED:
            return _refusal(429, "Throttled", {"Retry-After": self.retry_after})
        if fault is Fault.FAILED:
            return _refusal(503, "ServiceUnavailable", {})
        return _broken(request)


def _refusal(status: int, code: str, headers: dict[str, str]) -> web.Response:
    return web.json_response({"error": {"code": code, "message": code}}, status=status, headers=headers)


def _broken(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()
