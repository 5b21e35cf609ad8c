from __future__ import annotations

from typing import Any

import pytest
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import (
    CosmosBatchOperationError,
    CosmosHttpResponseError,
    CosmosResourceNotFoundError,
)

from tests.doubles.cosmos import CosmosDouble
from tests.unit.doubles.talking import TEAM, ids, item

Operation = tuple[Any, ...]


async def test_a_batch_does_everything_in_its_order(cosmos: CosmosDouble, container: ContainerProxy) -> None:
    """Each operation sees those before it, and has its own status, ETag and item in the answer."""
    await container.create_item(item("old", n=1))

    results = await container.execute_item_batch(
        [
            ("create", (item("new"),)),
            ("read", ("new",)),
            ("upsert", (item("new", n=2),)),
            ("replace", ("old", item("old", n=2))),
            ("patch", ("old", [{"op": "incr", "path": "/n", "value": 1}])),
            ("delete", ("new",)),
        ],
        TEAM,
    )

    assert [result["statusCode"] for result in results] == [201, 200, 200, 200, 200, 204]
    assert results[4]["resourceBody"]["n"] == 3
    assert results[4]["eTag"] == (await container.read_item("old", TEAM))["_etag"]
    assert cosmos.counters.writes["shards"] == 6


@pytest.mark.parametrize(
    ("failing", "status"),
    [
        (("create", (item("old"),)), 409),
        (("replace", ("missing", item("missing"))), 404),
        (("upsert", (item("old"),), {"if_match_etag": '"other"'}), 412),
        (("delete", ("old",), {"if_match_etag": '"other"'}), 412),
        (("create", ({**item("x"), "kind": "person"},)), 400),
        (("create", (item("x", ttl=0),)), 400),
    ],
)
async def test_a_batch_does_everything_or_nothing(
    cosmos: CosmosDouble, container: ContainerProxy, failing: Operation, status: int
) -> None:
    """If one operation fails it says why, the others answer 424, and nothing is changed."""
    old = await container.create_item(item("old"))

    with pytest.raises(CosmosBatchOperationError) as failed:
        await container.execute_item_batch(
            [("upsert", (item("old", n=5),)), ("create", (item("new"),)), failing, ("delete", ("old",))], TEAM
        )

    assert (failed.value.status_code, failed.value.error_index) == (status, 2)
    assert [result["statusCode"] for result in failed.value.operation_responses] == [424, 424, status, 424]
    assert await container.read_item("old", TEAM) == old
    assert await ids(container.query_items_change_feed(start_time="Beginning")) == ["old"]
    assert cosmos.counters.writes["shards"] == 1


async def test_a_batch_without_payload_brings_no_items_back(container: ContainerProxy) -> None:
    """With `no_response`, writes answer their ETag alone."""
    [result] = await container.execute_item_batch([("create", (item("a"),))], TEAM, no_response=True)

    assert result["eTag"]
    assert "resourceBody" not in result


@pytest.mark.filterwarnings("ignore:Sending a large body")
@pytest.mark.parametrize(
    ("batch", "status"),
    [
        pytest.param([("create", (item(str(n)),)) for n in range(101)], 400, id="101 operations"),
        pytest.param(
            [("create", (item(str(n), text="x" * 1_100_000),)) for n in range(2)], 413, id="over 2 MB"
        ),
    ],
)
async def test_a_batch_has_its_limits(container: ContainerProxy, batch: list[Operation], status: int) -> None:
    """A batch of more than 100 operations answers 400, one of more than 2 MB 413, and nothing is done."""
    with pytest.raises(CosmosHttpResponseError) as refused:
        await container.execute_item_batch(batch, TEAM)

    assert refused.value.status_code == status
    with pytest.raises(CosmosResourceNotFoundError):
        await container.read_item("0", TEAM)
