"""npm's cosmosdb-server: somebody else's Cosmos DB, which knows less of it than our double."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from shared.backends.azure.cosmos_client import CosmosConnection, CosmosOptions
from shared.backends.azure.cosmos_documents import CosmosDocumentStore
from shared.backends.azure.cosmos_provision import provision
from shared.backends.system_clock import SystemClock
from tests.fakes.cosmos_store import KEY
from tests.integration.systems.installs import npm_packages

PACKAGE = "@vercel/cosmosdb-server@1.0.1"
START_SECONDS = 30
STOP_SECONDS = 10
OPTIONS = CosmosOptions(verify_tls=False, discover_endpoints=False)

DIFFERENCES: dict[str, str] = {}
"""Tests that the server can't pass, and why."""


class CosmosdbServer:
    """A server that forgets everything when it stops; its containers are made at the first `store`."""

    def __init__(self, port: int) -> None:
        self._endpoint = f"https://localhost:{port}/"
        self._has_containers = False

    @asynccontextmanager
    async def store(self) -> AsyncIterator[CosmosDocumentStore]:
        connection = await CosmosConnection.open(self._endpoint, KEY, "integrations", OPTIONS)
        try:
            if not self._has_containers:
                await provision(connection)
                self._has_containers = True
            yield CosmosDocumentStore(connection, SystemClock())
        finally:
            await connection.close()


@contextmanager
def running_server() -> Iterator[CosmosdbServer]:
    """Install it, if need be, and run it on a free port."""
    command = npm_packages(PACKAGE) / "cosmosdb-server"
    port = _free_port()
    process = subprocess.Popen(
        [str(command), "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_it_listens(process, port)
        yield CosmosdbServer(port)
    finally:
        process.kill()
        process.wait(STOP_SECONDS)


def skip_if_it_differs(test: str) -> None:
    """Skip a test, by its id, that stands in DIFFERENCES with its function or with its parameters."""
    for pattern, reason in DIFFERENCES.items():
        if re.fullmatch(pattern, test):
            pytest.skip(f"cosmosdb-server: {reason}")


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("cosmosdb-server did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
