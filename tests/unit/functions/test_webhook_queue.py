"""The HIGH queue: a webhook's run goes through it from its first step to its last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared import bootstrap
from shared.domain.caller import Role
from shared.domain.queues import SYNC_INBOUND_WEBHOOK
from shared.domain.sync import ExecutionStatus, SyncExecution, SyncMessage, SyncMode, Trigger
from shared.ports.documents import Query
from shared.services.dead_letters import NO_TENANT
from tests.fakes.provider_server import DOCUMENT, ProviderServer, provider_server, thing
from tests.unit.functions.live_app import LiveApp, live_app

MAPPING = {
    "entity": "thing",
    "shardTypeId": "thing",
    "fields": [{"externalField": "id", "shardField": "name"}],
}

NO_STEP: dict[str, Any] = {
    **dict.fromkeys(("tenant_id", "integration_id", "execution_id", "request_id"), ""),
    "trigger": Trigger.WEBHOOK,
}


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveApp]:
    async with live_app(tmp_path, monkeypatch) as started:
        yield started


@pytest.fixture
async def server() -> AsyncIterator[ProviderServer]:
    async with provider_server() as started:
        started.things = [thing(number) for number in range(1, 251)]
        yield started


async def active_integration(app: LiveApp, server: ProviderServer) -> str:
    await app.client(Role.SUPER_ADMIN, tenant=None).call("POST", "providers", DOCUMENT)
    new: dict[str, Any] = {"providerId": "things", "name": "Things", "entityMappings": [MAPPING]}
    new["settings"] = {"serverUrl": server.url, "shelf": "s1"}
    made = await app.admin.call("POST", "integrations", new)
    await app.admin.call("POST", f"integrations/{made.body['id']}/activate")
    integration_id: str = made.body["id"]
    return integration_id


async def ended(execution: SyncExecution) -> SyncExecution:
    runtime = await bootstrap.runtime()
    async with asyncio.timeout(30):
        while True:
            present = await runtime.executions.get(execution.tenant_id, execution.id)
            if present.status.is_final:
                return present


async def test_a_webhooks_run_is_done_by_the_function_of_its_queue(
    app: LiveApp, server: ProviderServer
) -> None:
    """In several steps, all of them sent to the HIGH queue, whose function takes them."""
    integration_id = await active_integration(app, server)
    runtime = await bootstrap.runtime()
    integration = await runtime.integrations.get("acme", integration_id)
    execution = await ended(
        await runtime.sync_requests.start(integration, SyncMode.FULL, Trigger.WEBHOOK, "hook-1")
    )
    assert (execution.status, execution.trigger) == (ExecutionStatus.SUCCEEDED, Trigger.WEBHOOK)
    assert execution.counts.created == 250


@pytest.mark.usefixtures("app")
async def test_what_the_webhook_queue_gives_up_is_kept_as_a_dead_letter() -> None:
    """A message that nobody can read is delivered ten times, and then stays for people to look at."""
    runtime = await bootstrap.runtime()
    await runtime.sync_requests.send(SyncMessage.model_construct(**NO_STEP))
    async with asyncio.timeout(30):
        while not (found := (await runtime.documents.query("dead-letters", Query((NO_TENANT,)))).items):
            pass  # every look lets the deliveries go on
    letter = found[0].body
    assert (letter["queue"], letter["deliveryCount"]) == (SYNC_INBOUND_WEBHOOK, 11)
