"""The inbound job, whole: a devhost in this process syncs a source through queue and functions.

    python -m bench.inbound --source http://127.0.0.1:18080/cursor --page 1000 --db FOLDER/x.db

Reads everything of the bench's source server into an embedded backend beside `--db`; run again over the same
folder, it compares everything and writes what changed. The last line is JSON with the counts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

TOKEN = "bench-token"
TENANT = "bench"
POLL_SECONDS = 0.02
AZURE_POLL_SECONDS = 1.0
"""There looking costs a request, which would be counted with the sync's."""


def provider(page: int) -> dict[str, Any]:
    return {
        "id": "accounts",
        "category": "bench",
        "displayName": "Accounts",
        "settings": {"serverUrl": {"kind": "url"}},
        "rest": {
            "baseUrl": "{serverUrl}",
            "auth": {"kind": "bearer"},
            "entities": {
                "account": {
                    "list": {"path": "/cursor"},
                    "records": "records",
                    "id": "id",
                    "modified": "lastModifiedDate",
                    "page": {"parameter": "limit", "max": page},
                    "pagination": {"kind": "cursor", "bodyPath": "nextPageToken", "parameter": "cursor"},
                }
            },
        },
    }


MAPPING = {
    "entity": "account",
    "shardTypeId": "account",
    "fields": [
        {"externalField": "name", "shardField": "displayName", "transform": "trim", "required": True},
        {"externalField": "email", "shardField": "email", "transform": "lower"},
        {"externalField": "phone", "shardField": "phone"},
        {"externalField": "industry", "shardField": "industry", "transform": "upper"},
        {"externalField": "annualRevenue", "shardField": "revenue", "transform": "number"},
        {"externalField": "numberOfEmployees", "shardField": "employees"},
        {"externalField": "address.city", "shardField": "city"},
        {"externalField": "address.country", "shardField": "country"},
        {"externalField": "owner.name", "shardField": "ownerName"},
        {"externalField": "lastModifiedDate", "shardField": "modifiedAt"},
    ],
    "validation": [
        {"field": "displayName", "required": True},
        {"field": "email", "format": "email"},
        {"field": "employees", "range": {"min": 0}},
        {"field": "modifiedAt", "format": "dateTime"},
    ],
}


async def run(source: str, page: int, folder: Path) -> dict[str, Any]:
    os.environ["INTEGRATIONS_DATA_DIR"] = str(folder)
    os.environ["INTEGRATIONS_ENVIRONMENT"] = "production"
    os.environ["INTEGRATIONS_LOG_LEVEL"] = "warning"

    from devhost.host import Host
    from devhost.host_json import read_host_json
    from devhost.indexing import index
    from devhost.keys import Keys
    from function_app import app
    from shared import bootstrap
    from shared.backends.system_clock import SystemClock
    from shared.ports.queue import MessageSource

    async def open_source() -> MessageSource:
        return (await bootstrap.runtime()).message_source

    settings = read_host_json(Path(__file__).parents[1] / "host.json")
    host = Host(index(app, {}), settings, Keys("f", "a"), open_source, SystemClock(), random.random)
    try:
        await host.start("127.0.0.1", 0, 5)
        return await _sync(await bootstrap.runtime(), source, page)
    finally:
        await host.stop(5)
        await bootstrap.close()


async def _sync(runtime: Any, source: str, page: int) -> dict[str, Any]:
    from shared.domain.sync import SyncMode, Trigger

    integration = await _integration(runtime, source, page)
    execution = await runtime.sync_requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "bench")
    is_azure = os.environ.get("INTEGRATIONS_BACKEND") == "azure"
    pause = AZURE_POLL_SECONDS if is_azure else POLL_SECONDS
    while not execution.status.is_final:
        await asyncio.sleep(pause)
        execution = await runtime.executions.get(TENANT, execution.id)
    if execution.error:
        raise SystemExit(f"{execution.status}: {execution.error.message}")
    counts = execution.counts
    return {"records": counts.read, "status": execution.status.value, **counts.model_dump(by_alias=True)}


async def _integration(runtime: Any, source: str, page: int) -> Any:
    from shared.domain.provider import ProviderDocument
    from shared.services.integrations import NewIntegration

    address = urlsplit(source)
    present = (await runtime.integrations.page(TENANT, 1, None)).items
    if not present:
        await runtime.providers.create(ProviderDocument.model_validate(provider(page)))
        new = NewIntegration.model_validate(
            {
                "providerId": "accounts",
                "name": "Accounts",
                "settings": {"serverUrl": f"{address.scheme}://{address.netloc}"},
                "entityMappings": [MAPPING],
            }
        )
        made = await runtime.integrations.create(TENANT, new, "accounts")
        await runtime.integrations.set_credentials(TENANT, made.id, {"token": TOKEN}, "bench")
        return await runtime.integrations.set_active(TENANT, made.id, None, active=True)
    settings = {"settings": {"serverUrl": f"{address.scheme}://{address.netloc}"}}
    return await runtime.integrations.update(TENANT, present[0].id, settings, None)


def main() -> None:
    parser = argparse.ArgumentParser(description="Sync the bench's source server into an embedded backend.")
    parser.add_argument("--source", required=True)
    parser.add_argument("--page", type=int, default=1000)
    parser.add_argument("--db", type=Path, required=True)
    options = parser.parse_args()
    result = asyncio.run(run(options.source, options.page, options.db.with_suffix(".data")))
    print(orjson.dumps(result).decode())


if __name__ == "__main__":
    main()
