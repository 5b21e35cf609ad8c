"""npm's cosmosdb-server: somebody else's Cosmos DB, which knows less of it than our double."""

from __future__ import annotations

import asyncio
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
CLOSING_TURNS = 20
"""Turns of the event loop; the server ends TLS connections by itself, and asyncio needs a few to see it."""
OPTIONS = CosmosOptions(verify_tls=False, discover_endpoints=False)

DIFFERENCES: dict[str, tuple[str, ...]] = {
    "it has no transactional batches": (
        "a_continuation_belongs_to_its_query",
        "a_fixed_field_may_be_the_order",
        "a_mangled_continuation_is_refused",
        "a_query_finds_what_a_list_would",
        "a_range_holds_on_every_page",
        "batches_behave_as_a_dictionary",
        "contradictions_match_nothing",
        "equality_is_strict_about_types",
        "every_write_has_its_own_outcome",
        "ids_have_ranges",
        "many_documents_read_back",
        "nobody_who_follows_misses_a_last_version",
        "pages_end_with_the_last_document",
        "paging_survives_changes",
        "ranges_stay_within_a_type",
        "strings_are_ordered_by_code_point",
        "the_largest_page_comes_whole",
        "the_order_leaves_out_what_has_none",
        "the_page_size_does_not_change_the_answer",
        "the_stream_goes_on_where_it_was_left",
        "writes_of_one_id_follow_each_other",
    ),
    "a missing item is answered with 500": (
        "delete_says_whether_it_was_there",
        "if_match_guards_a_version",
        "what_json_cannot_say_is_refused",
        "what_was_never_written_is_none",
    ),
    "it has no queries over several partitions": (
        "a_prefix_spans_its_partitions",
        "a_sweep_looks_at_every_tenant",
        "equal_ids_of_a_prefix_all_appear",
    ),
    "its change feed is the whole container's": (
        "documents_come_in_the_order_of_their_last_writes",
        "one_partition_can_be_followed_alone",
    ),
    "it stores 1.0 as 1": ("found_documents_are_whole",),
}
"""Tests that the server can't pass, without `test_`, by the reason."""


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
            for _ in range(CLOSING_TURNS):
                await asyncio.sleep(0)


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
