"""Which parts of a container a query goes to.

A whole partition is one request. A prefix may be spread over several physical partitions, and a sweep is. The
SDK asks those of a prefix one after the other, each in its own order; so the store asks each of them by
itself and merges the answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.cosmos.aio import ContainerProxy

from shared.domain.containers import Container
from shared.ports.documents import Partition


def key_of(partition: Partition) -> Any:
    """Return a partition, or a prefix of one, as the SDK takes it."""
    return partition[0] if len(partition) == 1 else list(partition)


async def scopes(
    container: Container, proxy: ContainerProxy, partition: Partition
) -> list[Mapping[str, Any]]:
    """Return the keyword arguments that send a query to each part; what they need, the SDK caches."""
    if len(partition) == len(container.partition_key):
        return [{"partition_key": key_of(partition)}]
    ranges = [found async for found in proxy.read_feed_ranges()]
    if partition:
        wanted = await proxy.feed_range_from_partition_key(list(partition))
        ranges = [found for found in ranges if _overlap(found, wanted)]
    return [{"feed_range": found} for found in ranges]


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """True if two feed ranges share a place; both hold their lower end and not their upper one."""
    a, b = one["Range"], other["Range"]
    return bool(a["min"] < b["max"] and b["min"] < a["max"])
