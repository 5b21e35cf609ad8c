"""Is what the app has what the server has? Both read through their APIs, compared field by field."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from typing import Any

from demo.errors import DemoError
from demo.mapping import expected_shard

_SHOWN_DIFFERENCES = 3


async def verify(
    records: AsyncIterable[dict[str, Any]],
    shards: AsyncIterable[dict[str, Any]],
    progress: Callable[[int], None],
) -> int:
    """Compare every record with its shard and return how many there are; progress hears of each shard.

    Raises:
        DemoError: They differ; names the first few differences.
    """
    expected = {record["id"]: expected_shard(record) async for record in records}
    actual: dict[str, Any] = {}
    async for shard in shards:
        actual[shard["source"]["externalId"]] = shard["data"]
        progress(1)
    different = sorted(key for key in expected.keys() | actual.keys() if expected.get(key) != actual.get(key))
    if different:
        head = f"The end state differs from the server's in {len(different)} records:"
        shown = different[:_SHOWN_DIFFERENCES]
        examples = [f"  {key}: server {expected.get(key)}, app {actual.get(key)}" for key in shown]
        raise DemoError("\n".join([head, *examples]))
    return len(expected)


def check_counts(sync: str, counts: dict[str, int], **expected: int) -> None:
    """Compare some counts of a run with what must have happened.

    Raises:
        DemoError: One of them is wrong.
    """
    actual = {name: counts[name] for name in expected}
    if actual != expected:
        raise DemoError(f"The {sync} sync should have counted {expected}, and counted {actual}.")
