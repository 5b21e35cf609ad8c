from __future__ import annotations

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient, DatabaseProxy
from azure.cosmos.exceptions import (
    CosmosHttpResponseError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)

from tests.doubles.cosmos import CosmosDouble
from tests.unit.doubles.talking import TEAM, item, post_item


async def test_a_container_that_is_there_is_not_created_again(database: DatabaseProxy) -> None:
    """Creating a container twice answers 409; creating it if it is missing gives the one that is there."""
    key = PartitionKey("/id")
    await database.create_container("providers", key, default_ttl=60)

    with pytest.raises(CosmosResourceExistsError):
        await database.create_container("providers", key)
    there = await database.create_container_if_not_exists("providers", key)

    assert (await there.read())["defaultTtl"] == 60
    assert [one["id"] async for one in database.list_containers()] == ["providers"]


async def test_what_was_not_created_is_not_found(client: CosmosClient, database: DatabaseProxy) -> None:
    """A database, a container and an item in a container that doesn't exist answer 404."""
    with pytest.raises(CosmosResourceNotFoundError):
        await client.get_database_client("nowhere").read()
    with pytest.raises(CosmosResourceNotFoundError):
        await database.get_container_client("nowhere").read()
    with pytest.raises(CosmosResourceNotFoundError):
        await database.get_container_client("nowhere").read_item("a", TEAM)


async def test_a_deleted_container_takes_its_items_along(
    database: DatabaseProxy, container: ContainerProxy
) -> None:
    """A container that is created again under its name is empty, and the SDK finds its way to it."""
    await container.create_item(item("a"))
    await database.delete_container("shards")
    await database.create_container("shards", PartitionKey(["/tenantId", "/kind"], kind="MultiHash"))

    await container.create_item(item("a"))

    with pytest.raises(CosmosResourceExistsError):
        await container.create_item(item("a"))


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(PartitionKey("/id", version=1), id="old hash"),
        pytest.param(PartitionKey(["/a", "/b", "/c", "/d"], kind="MultiHash"), id="four levels"),
    ],
)
async def test_partition_keys_outside_the_service_or_the_double_are_refused(
    database: DatabaseProxy, key: PartitionKey
) -> None:
    """A container has a partition key of version 2 with one to three paths."""
    with pytest.raises(CosmosHttpResponseError) as refused:
        await database.create_container("odd", key)

    assert refused.value.status_code == 400


@pytest.mark.usefixtures("container")
async def test_the_partition_key_of_a_container_stays(database: DatabaseProxy) -> None:
    """Replacing a container can change its lifetime, and not its partition key."""
    with pytest.raises(CosmosHttpResponseError):
        await database.replace_container("shards", PartitionKey("/other"))

    changed = await database.replace_container(
        "shards", PartitionKey(["/tenantId", "/kind"], kind="MultiHash"), default_ttl=5
    )
    assert (await changed.read())["defaultTtl"] == 5


@pytest.mark.usefixtures("container")
async def test_nobody_comes_in_without_a_key(cosmos: CosmosDouble) -> None:
    """A request without the authorization header answers 401."""
    assert await post_item(cosmos, item("a"), x_ms_documentdb_partitionkey='["t1","team"]') == 401
