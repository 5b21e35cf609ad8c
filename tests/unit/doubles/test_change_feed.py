from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from azure.cosmos.aio import ContainerProxy, CosmosClient

from tests.doubles.cosmos import CosmosDouble
from tests.fakes.clock import START, FakeClock
from tests.unit.doubles.talking import TEAM, client_of, ids, item


@pytest.fixture(params=[(), ("20",)], ids=["one range", "two ranges"])
async def client(clock: FakeClock, request: pytest.FixtureRequest) -> AsyncIterator[CosmosClient]:
    async with CosmosDouble(clock, splits=request.param) as cosmos, client_of(cosmos) as client:
        yield client


def token_of(container: ContainerProxy) -> str:
    """Return where the last feed ended: the SDK has this nowhere else when the end was empty."""
    return str(container.client_connection.last_response_headers["etag"])


async def test_the_feed_has_the_latest_version_of_each_item(container: ContainerProxy) -> None:
    """Items come in the order of their last writes, each once; deleted ones don't come."""
    for name in "abcd":
        await container.create_item(item(name))
    await container.upsert_item(item("a", n=2))
    await container.delete_item("c", TEAM)

    feed = container.query_items_change_feed(start_time="Beginning")

    assert [(one["id"], one.get("n")) async for one in feed] == [("b", None), ("d", None), ("a", 2)]


async def test_the_feed_goes_on_from_its_token(container: ContainerProxy) -> None:
    """A token leads to what was written after it, in every partition, and to nothing twice."""
    for n in range(6):
        await container.create_item({"id": str(n), "tenantId": f"t{n}", "kind": "k"})
    before = await ids(container.query_items_change_feed(max_item_count=2, start_time="Beginning"))
    token = token_of(container)
    await container.upsert_item({"id": "3", "tenantId": "t3", "kind": "k"})
    await container.create_item({"id": "9", "tenantId": "t9", "kind": "k"})

    after = await ids(container.query_items_change_feed(max_item_count=2, continuation=token))

    assert sorted(before) == ["0", "1", "2", "3", "4", "5"]
    assert sorted(after) == ["3", "9"]
    assert await ids(container.query_items_change_feed(continuation=token_of(container))) == []


async def test_the_feed_begins_now_unless_it_is_told(container: ContainerProxy) -> None:
    """Without a start, what was written before is not in the feed, and what comes after its token is."""
    await container.create_item(item("old"))
    assert await ids(container.query_items_change_feed()) == []
    token = token_of(container)

    await container.create_item(item("new"))

    assert await ids(container.query_items_change_feed(continuation=token)) == ["new"]


async def test_a_feed_can_begin_at_a_time(container: ContainerProxy, clock: FakeClock) -> None:
    """Versions up to that second are left out."""
    await container.create_item(item("old"))
    clock.advance(10)
    await container.create_item(item("new"))

    feed = container.query_items_change_feed(start_time=START + timedelta(seconds=5))

    assert await ids(feed) == ["new"]


@pytest.mark.parametrize(("scope", "found"), [(TEAM, ["a"]), ([TEAM[0]], ["a", "b"])])
async def test_the_feed_can_be_that_of_a_part(
    container: ContainerProxy, scope: list[str], found: list[str]
) -> None:
    """The feed of a partition, or of a prefix of the key, has only its items."""
    await container.create_item(item("a"))
    await container.create_item(item("b") | {"kind": "person"})
    await container.create_item(item("c") | {"tenantId": "t2"})

    feed = container.query_items_change_feed(start_time="Beginning", partition_key=scope)

    assert await ids(feed) == found
