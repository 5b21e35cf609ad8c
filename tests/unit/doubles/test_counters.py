from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from azure.cosmos.aio import ContainerProxy, CosmosClient

from tests.doubles.cosmos import CosmosDouble, Kind
from tests.unit.doubles.talking import KEY, TEAM, ids, item


async def test_requests_are_counted_by_kind(cosmos: CosmosDouble, container: ContainerProxy) -> None:
    """Every request counts as one of six kinds, and each applied write counts for its container."""
    await container.create_item(item("a"))
    cosmos.counters.reset()

    await container.read_item("a", TEAM)
    await ids(container.query_items("SELECT * FROM c", partition_key=TEAM))
    await container.upsert_item(item("b"))
    await container.execute_item_batch([("upsert", (item(name),)) for name in "abc"], TEAM)
    await ids(container.query_items_change_feed(partition_key=TEAM, start_time="Beginning"))
    await container.read()

    kinds: tuple[Kind, ...] = ("read", "query", "write", "batch")
    assert [cosmos.counters.requests[kind] for kind in kinds] == [1, 1, 1, 1]
    assert cosmos.counters.requests["changefeed"] == 2  # the second one finds nothing more
    assert cosmos.counters.requests["metadata"] >= 1
    assert cosmos.counters.writes == {"shards": 4}


@pytest.mark.parametrize(
    ("kilobytes", "read", "insert", "replace"), [(1, 1.0, 5.5, 11.0), (100, 10.0, 55.0, 110.0)]
)
async def test_requests_are_charged_by_size(
    cosmos: CosmosDouble,
    container: ContainerProxy,
    kilobytes: int,
    read: float,
    insert: float,
    replace: float,
) -> None:
    """Charges have the proportions of Microsoft's examples, and add up in the counters."""
    charged: list[float] = []

    def note(headers: Any, _: object) -> None:
        charged.append(float(headers["x-ms-request-charge"]))

    body = item("a", text="x" * (kilobytes * 1024 - 300))
    cosmos.counters.reset()
    await container.create_item(body, response_hook=note)
    await container.replace_item("a", body, response_hook=note)
    await container.read_item("a", TEAM, response_hook=note)

    assert charged == pytest.approx([insert, replace, read], rel=0.02)
    assert cosmos.counters.charged_by_kind["write"] == pytest.approx(insert + replace, rel=0.02)
    assert cosmos.counters.charged >= sum(charged)


async def test_the_double_runs_alone() -> None:
    """`python -m tests.doubles.cosmos` says that it is ready and where, and serves the SDK."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.doubles.cosmos", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert program.stdout is not None
        async with asyncio.timeout(30):
            word, address = (await program.stdout.readline()).decode().split()
        async with CosmosClient(address, KEY) as client:
            await client.create_database("integrations")
        assert word == "ready"
    finally:
        program.terminate()
        await program.wait()
