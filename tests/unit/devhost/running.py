"""Runs a FunctionApp in a real host, with made-up queues and a clock of the test's choice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from azure.functions import FunctionApp

from devhost.host import Host
from devhost.host_json import HostSettings
from devhost.indexing import index
from devhost.keys import Keys
from shared.backends.system_clock import SystemClock
from shared.ports.clock import Clock
from tests.fakes.message_source import FakeMessageSource

FUNCTION_KEY = "function-key"
ADMIN_KEY = "admin-key"
KEYS = Keys(function=FUNCTION_KEY, admin=ADMIN_KEY)


def settings(**parts: object) -> HostSettings:
    """Return a host.json's settings, by the file's own keys."""
    return HostSettings.model_validate({"version": "2.0", **parts})


def make_host(
    app: FunctionApp,
    *,
    source: FakeMessageSource | None = None,
    clock: Clock | None = None,
    host_json: HostSettings | None = None,
) -> Host:
    clock = clock or SystemClock()
    messages = source or FakeMessageSource(clock)

    async def open_source() -> FakeMessageSource:
        return messages

    return Host(index(app, {}), host_json or settings(), KEYS, open_source, clock, lambda: 0.5)


@asynccontextmanager
async def running(host: Host, grace_seconds: float = 5.0) -> AsyncIterator[str]:
    """Serve on a free port and yield the URL."""
    try:
        yield await host.start("127.0.0.1", 0, grace_seconds)
    finally:
        await host.stop(grace_seconds)
