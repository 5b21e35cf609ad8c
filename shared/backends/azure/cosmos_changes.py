"""One page of a container's change feed (https://learn.microsoft.com/azure/cosmos-db/change-feed)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.cosmos.aio import ContainerProxy

from shared.ports.documents import JsonObject

_CONTINUATION = "etag"


async def read_changes(
    proxy: ContainerProxy, key: Any, place: str | None, limit: int
) -> tuple[list[JsonObject], str]:
    """Return the latest versions after a place, and the place after them.

    Args:
        proxy: The container.
        key: The partition, or a prefix of it.
        place: What an earlier call returned; None begins at the beginning.
        limit: About so many items: a transaction's items come together.
    """
    headers: list[Mapping[str, Any]] = []

    def keep(received: Mapping[str, Any], _: Any) -> None:
        headers.append(received)

    feed = proxy.query_items_change_feed(
        partition_key=key, max_item_count=limit, start_time="Beginning", response_hook=keep
    )
    pages = feed.by_page(place)  # a place takes precedence over the start
    rows: list[JsonObject] = []
    async for page in pages:
        rows = [row async for row in page]
        break
    # The SDK replaces the last answer's header by its own token; its pager would take anybody's last answer.
    return rows, str(headers[-1][_CONTINUATION])
