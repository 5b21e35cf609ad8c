"""npm's cosmosdb-server: somebody else's Cosmos DB, which knows less of it than our double.

It has no transactional batches: the suites run on `OneByOne`, so that what they seed by many writes is there
to be queried. What batches do is shown on the double alone.
"""

from __future__ import annotations

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
from tests.contract.one_by_one import OneByOne
from tests.fakes.cosmos_store import KEY
from tests.integration.systems.installs import npm_packages

PACKAGE = "@vercel/cosmosdb-server@1.0.1"
START_SECONDS = 30
STOP_SECONDS = 10
OPTIONS = CosmosOptions(discover_endpoints=False)

DIFFERENCES: dict[str, tuple[str, ...]] = {
    "a missing item is answered with 500": (
        "delete_says_whether_it_was_there",
        "if_match_guards_a_version",
        "what_json_cannot_say_is_refused",
        "what_was_never_written_is_none",
    ),
    "it has no queries over several partitions": (
        "a_prefix_spans_its_partitions",
        "a_query_finds_what_a_list_would",
        "equal_ids_of_a_prefix_all_appear",
        "the_page_size_does_not_change_the_answer",
    ),
    "its change feed is the whole container's": (
        "documents_come_in_the_order_of_their_last_writes",
        "nobody_who_follows_misses_a_last_version",
        "one_partition_can_be_followed_alone",
        "the_stream_goes_on_where_it_was_left",
    ),
    "it stores 1.0 as 1": ("found_documents_are_whole",),
}
"""Tests that the server can't pass, without `test_`, by the reason."""


class CosmosdbServer:
    """A server that forgets everything when it stops; its containers are made at the first `store`."""

    def __init__(self, port: int) -> None:
        self._endpoint = f"http://localhost:{port}/"
        self._has_containers = False

    @asynccontextmanager
    async def store(self) -> AsyncIterator[CosmosDocumentStore]:
        connection = await CosmosConnection.open(self._endpoint, KEY, "integrations", OPTIONS)
        try:
            if not self._has_containers:
                await provision(connection)
                self._has_containers = True
            yield OneByOne(connection, SystemClock())
        finally:
            await connection.close()


@contextmanager
def running_server() -> Iterator[CosmosdbServer]:
    """Install it, if need be, and run it on a free port."""
    command = npm_packages(PACKAGE) / "cosmosdb-server"
    port = _free_port()
    process = subprocess.Popen(
        [str(command), "--no-ssl", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_it_listens(process, port)
        yield CosmosdbServer(port)
    finally:
        process.kill()
        process.wait(STOP_SECONDS)


def skip_if_it_differs(test: str) -> None:
    """Skip a test function that stands in DIFFERENCES."""
    for reason, names in DIFFERENCES.items():
        if test.removeprefix("test_") in names:
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
