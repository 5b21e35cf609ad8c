"""A declared container as Cosmos DB's REST resource; no SDK is needed for it."""

from __future__ import annotations

from typing import Any

from shared.domain.containers import Container


def container_resource(container: Container) -> dict[str, Any]:
    """Return the `resource` of a container: id, partition key, default TTL (seconds), indexing policy."""
    paths = [f"/{name}" for name in container.partition_key]
    resource: dict[str, Any] = {
        "id": container.name,
        "partitionKey": {"paths": paths, "kind": "Hash" if len(paths) == 1 else "MultiHash", "version": 2},
        "indexingPolicy": indexing_policy(container),
    }
    if container.default_ttl is not None:
        resource["defaultTtl"] = container.default_ttl
    return resource


def indexing_policy(container: Container) -> dict[str, Any]:
    """Return a container's indexing policy.

    Everything but the id, the partition's fields and those of declared indexes is left out: each indexed
    field makes every write dearer, and `query_rules` lets no other query through. An index over several
    fields is a composite one too, which serves equality on the first and a range or the order on the last.
    """
    fields = ["id", *container.partition_key, *(field for index in container.indexes for field in index)]
    policy: dict[str, Any] = {
        "indexingMode": "consistent",
        "automatic": True,
        "includedPaths": [{"path": f"{_path(field)}/?"} for field in dict.fromkeys(fields)],
        "excludedPaths": [{"path": "/*"}, {"path": '/"_etag"/?'}],
    }
    composites = [
        [{"path": _path(field), "order": "ascending"} for field in index]
        for index in container.indexes
        if len(index) > 1
    ]
    return {**policy, "compositeIndexes": composites} if composites else policy


def _path(field: str) -> str:
    return f"/{field.replace('.', '/')}"
