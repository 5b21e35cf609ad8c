"""Makes a database and its containers as `shared.domain.containers` declares them.

For tests and local runs; in Azure the infrastructure templates make the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from azure.cosmos import PartitionKey
from azure.cosmos.aio import DatabaseProxy

from shared.backends.azure.cosmos_client import CosmosConnection
from shared.backends.azure.cosmos_indexing import container_resource
from shared.domain.containers import CONTAINERS, Container
from shared.domain.errors import AlreadyExistsError, ConfigurationError


async def provision(
    connection: CosmosConnection, containers: Iterable[Container] = CONTAINERS.values()
) -> Sequence[str]:
    """Create what is missing, and return the names of the containers that were made. Idempotent.

    Raises:
        UnavailableError: The account does not answer.
        ConfigurationError: It does not let this identity create databases; or containers are there with
            another partition key or life time. Those stay as they are, and the message names them all.
    """
    database: DatabaseProxy = await connection.call(
        lambda: connection.client.create_database_if_not_exists(connection.database.id)
    )
    made, others = [], []
    for container in containers:
        definition = container_definition(container)
        try:
            await connection.call(partial(database.create_container, **definition))
            made.append(container.name)
        except AlreadyExistsError:
            found = await connection.call(database.get_container_client(container.name).read)
            others += _differences(container.name, definition, found)
    if others:
        raise ConfigurationError("\n".join(others))
    return made


def container_definition(container: Container) -> dict[str, Any]:
    """Return a container as the SDK creates it."""
    resource = container_resource(container)
    paths = resource["partitionKey"]["paths"]
    return {
        "id": container.name,
        "partition_key": PartitionKey(paths[0]) if len(paths) == 1 else PartitionKey(paths, kind="MultiHash"),
        "default_ttl": container.default_ttl,
        "indexing_policy": resource["indexingPolicy"],
    }


def _differences(name: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    pairs = {
        "partition key": (wanted["partition_key"]["paths"], found["partitionKey"]["paths"]),
        "life time": (wanted["default_ttl"], found.get("defaultTtl")),
    }
    return [
        f"Container {name} has the {what} {there}, not {ours}: use another database, or move its documents."
        for what, (ours, there) in pairs.items()
        if ours != there
    ]
