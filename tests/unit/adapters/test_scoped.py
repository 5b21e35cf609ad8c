"""The gate before every adapter: what an integration may not touch is not even asked for."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable
from pathlib import Path

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.adapters.scoped import ScopedAdapter
from shared.domain.errors import AccessDeniedError
from shared.domain.provider import Provider
from shared.domain.sweeps import Sweep
from shared.domain.sync import ExecutionStatus, SyncMode, Trigger
from shared.ports.adapter import FetchRequest
from shared.telemetry.logs import configure_logging, log_context
from tests.fakes.adapter import FakeAdapter
from tests.fakes.clock import START, FakeClock
from tests.fakes.provider_server import provider_server, thing, things_document
from tests.unit.services.sync_world import SyncWorld, record, sync_world

REQUEST = FetchRequest("thing", None, None, 10)


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    configure_logging("warning", stream)
    return stream


async def test_a_type_that_is_not_allowed_is_not_fetched(tmp_path: Path, log: io.StringIO) -> None:
    """The provider is not asked; the log says who wanted what, and under which request."""
    async with sync_world(tmp_path) as world:
        integration = await world.add_integration(allowed_shard_types=("contact",))
    behind = FakeAdapter([record("a")])
    gate = ScopedAdapter(behind, integration, integration.tenant_id)
    with log_context(request_id="request-1"), pytest.raises(AccessDeniedError, match="allowedShardTypes"):
        await gate.fetch_page(REQUEST)
    assert behind.requests == []
    (entry,) = [json.loads(line) for line in log.getvalue().splitlines()]
    context, metadata = entry["context"], entry["metadata"]
    assert (entry["level"], entry["message"]) == ("warn", "Access denied")
    assert (context["tenantId"], context["integrationId"], context["requestId"]) == (
        "acme",
        "int1",
        "request-1",
    )
    assert (metadata["operation"], metadata["shardTypeId"]) == ("fetch", "thing-shard")


@pytest.mark.parametrize(
    ("entity", "tenant", "reason"),
    [("other", "acme", "other is not mapped"), ("thing", "rival", "belongs to another tenant")],
)
async def test_what_is_not_mapped_or_another_tenants_is_not_exchanged(
    tmp_path: Path, log: io.StringIO, entity: str, tenant: str, reason: str
) -> None:
    """Neither in nor out, whichever request; each denial is in the log."""
    async with sync_world(tmp_path) as world:
        integration = await world.add_integration()
    behind = FakeAdapter([record("a")])
    gate = ScopedAdapter(behind, integration, tenant)
    calls: tuple[Awaitable[object], ...] = (
        gate.fetch_page(FetchRequest(entity, None, None, 10)),
        gate.get(entity, "a"),
        gate.search(entity, "a", 1),
        gate.create(entity, {}, "key"),
        gate.update(entity, "a", {}, None),
        gate.delete(entity, "a", None),
    )
    for call in calls:
        with pytest.raises(AccessDeniedError, match=reason):
            await call
    assert (behind.requests, len(behind.records)) == ([], 1)
    entries = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(entry["message"], entry["metadata"]["operation"]) for entry in entries] == [
        ("Access denied", operation) for operation in ("fetch", "fetch", "fetch", "send", "send", "send")
    ]


async def test_an_integration_that_maps_nothing_yet_can_be_tried(tmp_path: Path) -> None:
    """A connection test needs an answer; nothing of it can become a shard."""
    async with sync_world(tmp_path) as world:
        integration = await world.add_integration(entity_mappings=())
    gate = ScopedAdapter(FakeAdapter([record("a")]), integration, integration.tenant_id)
    assert len((await gate.fetch_page(REQUEST)).records) == 1


async def test_a_sweep_deletes_nothing_that_is_not_allowed(tmp_path: Path, log: io.StringIO) -> None:
    """The type may be taken from the integration between the last page and the sweep's writes."""
    async with sync_world(tmp_path, max_seconds=0) as world:
        world.adapters.swept = Sweep.ONCE
        integration = await world.add_integration()
        world.adapter.records = [record("a"), record("b")]
        await world.run(SyncMode.FULL)
        world.clock.advance(60)
        world.adapter.records = [record("b")]
        execution = await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
        for _ in range(2):  # the page, and the count of what is gone
            (step,) = world.sender.steps()
            await world.sync.run(step)
        denied = (await world.integrations.get("acme", "int1")).changed(allowed_shard_types=("contact",))
        await world.integrations.replace(denied)
        await world.work()
        ended = await world.executions.get("acme", execution.id)
        assert "deletedAt" not in (await world.shards())["a"]
    assert ended.error is not None
    assert (ended.status, ended.error.code) == (ExecutionStatus.FAILED, "access_denied")
    assert "Access denied" in log.getvalue()


@pytest.mark.parametrize("allowed", [None, ("contact", "thing-shard")])
async def test_what_is_allowed_passes(tmp_path: Path, allowed: tuple[str, ...] | None) -> None:
    """Pages come as the adapter behind gives them, and closing closes it."""
    async with sync_world(tmp_path) as world:
        integration = await world.add_integration(allowed_shard_types=allowed)
    behind = FakeAdapter([record("a")])
    gate = ScopedAdapter(behind, integration, integration.tenant_id)
    assert [one.external_id for one in (await gate.fetch_page(REQUEST)).records] == ["a"]
    await gate.close()
    assert behind.closed == 1


async def test_every_adapter_of_the_registry_stands_behind_the_gate(tmp_path: Path) -> None:
    """Whatever service opens one, and whatever the provider would answer."""
    async with sync_world(tmp_path) as world, provider_server() as server:
        server.things = [thing(1)]
        settings = {"serverUrl": server.url, "shelf": "s1"}
        integration = await world.add_integration(settings=settings, allowed_shard_types=("contact",))
        provider = Provider(
            **things_document().model_dump(by_alias=False), created_at=START, updated_at=START
        )
        registry = AdapterRegistry(FakeClock(), allow_private_addresses=True)
        adapter = registry.open(provider, integration)
        with pytest.raises(AccessDeniedError):
            await adapter.fetch_page(REQUEST)
        await registry.close()
    assert server.requests == []


async def test_nothing_is_stored_under_a_type_that_is_not_allowed(tmp_path: Path, log: io.StringIO) -> None:
    """Also where an adapter let it pass: the run ends as failed, and says what to do."""
    async with sync_world(tmp_path) as world:
        await world.add_integration(allowed_shard_types=("contact",))
        world.adapter.records = [record("a")]
        execution = await world.run(SyncMode.FULL)
        assert await world.shards() == {}
    assert execution.status is ExecutionStatus.FAILED
    assert execution.error is not None
    assert execution.error.code == "access_denied"
    denied = [json.loads(line) for line in log.getvalue().splitlines() if "Access denied" in line]
    assert [line["metadata"]["operation"] for line in denied] == ["store"]


async def test_a_replay_stores_nothing_that_is_not_allowed(tmp_path: Path) -> None:
    """What was put aside before the type was taken from the integration stays where it is."""
    async with sync_world(tmp_path) as world:
        entry_id = await put_aside(world)
        integration = await world.integrations.get("acme", "int1")
        await world.integrations.replace(integration.changed(allowed_shard_types=("contact",)))
        with pytest.raises(AccessDeniedError):
            await world.quarantine.replay("acme", entry_id)
        assert (await world.shards(), len(await world.quarantined())) == ({}, 1)


async def put_aside(world: SyncWorld) -> str:
    await world.add_integration()
    world.adapter.records = [record("a", None)]
    await world.run(SyncMode.FULL)
    (entry,) = await world.quarantined()
    entry_id: str = entry["id"]
    return entry_id
