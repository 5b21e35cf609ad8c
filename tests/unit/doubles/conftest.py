from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient, DatabaseProxy

from tests.doubles.cosmos import CosmosDouble
from tests.fakes.clock import FakeClock
from tests.unit.doubles.talking import client_of


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def cosmos(clock: FakeClock) -> AsyncIterator[CosmosDouble]:
    async with CosmosDouble(clock) as double:
        yield double


@pytest.fixture
async def client(cosmos: CosmosDouble) -> AsyncIterator[CosmosClient]:
    async with client_of(cosmos) as client:
        yield client


@pytest.fixture
async def database(client: CosmosClient) -> DatabaseProxy:
    return await client.create_database("integrations")


@pytest.fixture
async def container(database: DatabaseProxy) -> ContainerProxy:
    """By tenant and kind; items live for ever unless they say otherwise."""
    key = PartitionKey(["/tenantId", "/kind"], kind="MultiHash")
    return await database.create_container("shards", key, default_ttl=-1)
