"""The Cosmos DB store on the double, with every declared container."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.backends.azure.cosmos_client import DEFAULT_OPTIONS, CosmosConnection, CosmosOptions
from shared.backends.azure.cosmos_documents import CosmosDocumentStore
from shared.backends.azure.cosmos_provision import provision
from shared.ports.clock import Clock
from tests.doubles.cosmos import CosmosDouble

KEY = "bm8gc2VjcmV0"
SPLITS = ("15", "2B")
"""Three physical partitions, so that one tenant's documents and all tenants' lie in several."""


@asynccontextmanager
async def cosmos_store(
    cosmos: CosmosDouble, clock: Clock, options: CosmosOptions = DEFAULT_OPTIONS
) -> AsyncIterator[CosmosDocumentStore]:
    connection = await CosmosConnection.open(cosmos.endpoint, KEY, "integrations", options)
    try:
        await provision(connection)
        yield CosmosDocumentStore(connection, clock)
    finally:
        await connection.close()
