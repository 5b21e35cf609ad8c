"""Two instances of the app share the runs of several integrations, and no two work on one at once."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp

from shared.backends.azure.service_bus_namespace import ServiceBusNamespace
from shared.backends.azure.service_bus_queue import ServiceBusSender
from shared.backends.system_clock import SystemClock
from shared.config import SYNC_LIMITS
from shared.domain.queues import SYNC_INBOUND_SCHEDULED
from shared.domain.sync import SyncMessage, Trigger
from shared.ports.queue import OutgoingMessage
from tests.doubles.cloud import LocalCloud, local_cloud
from tests.integration.app_process import AppProcess
from tests.integration.kinto_server import KintoServer, kinto_collection

INTEGRATIONS = 3
ROWS = 2_000
COPIES = 4
"""Further messages for the first step of each run: the queue delivers at least once."""

MAPPING = {
    "entity": "record",
    "shardTypeId": "row",
    "fields": [{"externalField": "name", "shardField": "name"}],
}


async def test_no_two_instances_work_on_one_integration_at_once(kinto: KintoServer, tmp_path: Path) -> None:
    """Both do steps; those of one integration follow each other, and every run stores each record once."""
    async with (
        local_cloud(tmp_path, SystemClock()) as cloud,
        aiohttp.ClientSession() as session,
        kinto_collection(kinto.url, "shared", "rows") as rows,
    ):
        await rows.put([{"id": f"row-{number}", "name": f"Row {number}"} for number in range(ROWS)])
        apps = [_instance(tmp_path / name, session, cloud) for name in ("one", "two")]
        try:
            await asyncio.gather(*(app.start() for app in apps))
            runs = await _sync_all(apps, kinto.url, cloud)
        finally:
            for app in apps:
                app.kill()

    assert {(run["status"], run["counts"]["created"]) for run in runs} == {("succeeded", ROWS)}
    steps = [list(_steps(app.log)) for app in apps]
    assert all(steps)
    of_integration = defaultdict(list)
    for integration_id, begun, ended in (step for of_app in steps for step in of_app):
        of_integration[integration_id].append((begun, ended))
    assert len(of_integration) == INTEGRATIONS
    for intervals in of_integration.values():
        assert len(intervals) >= ROWS // SYNC_LIMITS["staging"].max_records_per_sync
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(intervals)))


def _instance(folder: Path, session: aiohttp.ClientSession, cloud: LocalCloud) -> AppProcess:
    folder.mkdir()
    variables = {
        **cloud.environment,
        "INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES": "true",
        "INTEGRATIONS_LOG_LEVEL": "debug",
    }
    token = cloud.identity.issue("ada", "acme", ["tenant_admin"])
    return AppProcess(folder, session, "staging", variables, token)


async def _sync_all(apps: list[AppProcess], kinto_url: str, cloud: LocalCloud) -> list[dict[str, Any]]:
    """Start a run of each integration, each with more messages than it needs, and return how they ended."""
    messages = []
    for number in range(INTEGRATIONS):
        new = {
            "providerId": "kinto",
            "name": f"Rows {number}",
            "settings": {"serverUrl": kinto_url, "bucket": "shared", "collection": "rows"},
            "entityMappings": [MAPPING],
        }
        integration_id = (await apps[0].call("POST", "integrations", new))["id"]
        await apps[0].call("POST", f"integrations/{integration_id}/activate")
        run = await apps[number % 2].call("POST", f"integrations/{integration_id}/sync", {"mode": "full"})
        messages.append(
            SyncMessage(
                tenant_id="acme",
                integration_id=integration_id,
                execution_id=run["executionId"],
                request_id="copy",
                trigger=Trigger.MANUAL,
            )
        )
    await _send_copies(messages, cloud)
    return [await apps[0].finished(message.execution_id) for message in messages]


async def _send_copies(messages: list[SyncMessage], cloud: LocalCloud) -> None:
    connection = cloud.environment["ServiceBusConnection"]
    sender = ServiceBusSender(ServiceBusNamespace.from_connection_string(connection))
    copies = [
        OutgoingMessage(
            message.model_dump_json(by_alias=True).encode(), f"{message.execution_id}-copy-{number}"
        )
        for number in range(COPIES)
        for message in messages
    ]
    await sender.send(SYNC_INBOUND_SCHEDULED, copies)
    await sender.close()


def _steps(log: str) -> Iterator[tuple[str, str, str]]:
    """Yield integration, beginning and end of every step that an instance logged, while it had the lease."""
    begun: dict[tuple[str, str, int], list[str]] = defaultdict(list)
    for line in log.splitlines():
        if not line.startswith("{"):
            continue
        entry = json.loads(line)
        if entry["message"] not in {"step begins", "step ends"}:
            continue
        integration_id, step = entry["context"]["integrationId"], entry["metadata"]
        key = (integration_id, step["executionId"], step["part"])
        if entry["message"] == "step begins":
            begun[key].append(entry["timestamp"])
        else:
            yield integration_id, begun[key].pop(), entry["timestamp"]
