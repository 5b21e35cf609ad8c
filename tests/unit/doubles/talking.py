"""How the tests talk to the double: the real SDK, or plain HTTP where the SDK is too polite."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any

import aiohttp
from azure.cosmos.aio import CosmosClient

from tests.doubles.cosmos import CosmosDouble

KEY = "a2V5"
TEAM = ["t1", "team"]


def client_of(cosmos: CosmosDouble) -> CosmosClient:
    """Return a client that tries everything once; for 429, the SDK takes 0 as "by default"."""
    return CosmosClient(
        cosmos.endpoint,
        KEY,
        enable_endpoint_discovery=False,
        retry_total=0,
        retry_read=0,
        retry_connect=0,
        retry_throttle_total=-1,
    )


def item(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "tenantId": TEAM[0], "kind": TEAM[1], **fields}


async def ids(items: AsyncIterable[dict[str, Any]]) -> list[str]:
    return [one["id"] async for one in items]


async def post_item(cosmos: CosmosDouble, body: Any, **headers: str) -> int:
    """Post to the items of the container and return the status; a header's `_` stands for `-`."""
    address = f"{cosmos.endpoint}dbs/integrations/colls/shards/docs/"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as session, session.post(address, json=body, headers=sent) as answer:
        return answer.status
