"""Deletions that are told to those only who ask from a watermark, and full runs, which have none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.integration import FieldMapping
from shared.domain.sweeps import Sweep
from shared.domain.sync import ExecutionStatus, SyncMode
from tests.fakes.provider_server import ProviderServer, provider_server, status
from tests.fakes.told_source import KINDS, ToldSource, entity_of
from tests.unit.adapters.rest.reading import open_adapter, rest_of
from tests.unit.services.sync_world import TENANT, SyncWorld, sync_world

FORGETTING = {"errors": [{"status": 410, "action": "reset"}]}
TIMED = ["list", "tombstones"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SyncWorld]:
    async with sync_world(tmp_path) as made:
        await made.add_integration()
        yield made


@pytest.fixture
async def server() -> AsyncIterator[ProviderServer]:
    async with provider_server() as running:
        yield running


@pytest.fixture
async def registry(world: SyncWorld) -> AsyncIterator[AdapterRegistry]:
    adapters = AdapterRegistry(world.clock, allow_private_addresses=True, jitter=lambda: 1.0)
    yield adapters
    await adapters.close()


@pytest.fixture
def source(world: SyncWorld, server: ProviderServer) -> ToldSource:
    made = ToldSource(world.clock)
    made.put("a", "b", "c", "d", "e")
    server.handler = made.answer
    return made


def connect(
    world: SyncWorld, registry: AdapterRegistry, server: ProviderServer, kind: str, *, sweep: bool = False
) -> None:
    rest = rest_of(entity_of(kind, sweep=sweep), **FORGETTING)
    world.adapters.adapter = open_adapter(registry, server.url, rest)  # type: ignore[assignment]
    world.adapters.swept = Sweep.ONCE if sweep else Sweep.NEVER


async def remap(world: SyncWorld) -> None:
    """Map one field more, after which everything is read again."""
    integration = await world.integrations.get(TENANT, "int1")
    mapping = integration.entity_mappings[0]
    number = len(mapping.fields)
    fields = (*mapping.fields, FieldMapping(external_field="at", shard_field=f"more{number}"))
    again = mapping.model_copy(update={"fields": fields})
    await world.integrations.replace(integration.changed(entity_mappings=(again,)))


async def reconfigure(world: SyncWorld) -> None:
    integration = await world.integrations.get(TENANT, "int1")
    await world.integrations.replace(integration.changed(settings={"branch": "another"}))


async def live(world: SyncWorld) -> set[str]:
    return {key for key, shard in (await world.shards()).items() if "deletedAt" not in shard}


@pytest.mark.parametrize("kind", KINDS)
async def test_full_run_is_told_what_was_deleted_since_the_last_run(
    world: SyncWorld, registry: AdapterRegistry, server: ProviderServer, source: ToldSource, kind: str
) -> None:
    """Its list does not show that, and its watermark is later: no run after it would ask."""
    connect(world, registry, server, kind)
    await world.run()
    source.delete("a")
    source.put("f")
    full = await world.run(SyncMode.FULL)
    assert (full.status, full.counts.deleted) == (ExecutionStatus.SUCCEEDED, 1)
    assert await live(world) == set(source.living)
    source.delete("b")
    assert (await world.run()).counts.deleted == 1
    assert await live(world) == set(source.living)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", [remap, reconfigure])
async def test_deletions_before_a_change_of_the_integration_are_not_lost(
    world: SyncWorld,
    registry: AdapterRegistry,
    server: ProviderServer,
    source: ToldSource,
    kind: str,
    change: Any,
) -> None:
    """The next run reads everything again, and asks for deletions from where the last one had come."""
    connect(world, registry, server, kind)
    await world.run()
    source.delete("a", "d")
    await change(world)
    source.delete("e")
    await world.run()
    assert await live(world) == set(source.living)


@pytest.mark.parametrize("kind", KINDS)
async def test_full_run_that_failed_on_its_way_loses_no_deletion(
    world: SyncWorld, registry: AdapterRegistry, server: ProviderServer, source: ToldSource, kind: str
) -> None:
    """It has no watermark of its own yet, and leaves the one before as it was."""
    connect(world, registry, server, kind)
    await world.run()
    source.delete("a")
    await remap(world)
    answer = source.answer
    server.faults.extend([answer, status(403)])
    assert (await world.run()).status is ExecutionStatus.FAILED
    source.delete("b")
    await world.run()
    assert await live(world) == set(source.living)


@pytest.mark.parametrize("kind", TIMED)
async def test_what_is_deleted_after_half_a_first_load_is_told(
    world: SyncWorld, registry: AdapterRegistry, server: ProviderServer, source: ToldSource, kind: str
) -> None:
    """Pages are stored although the run failed: the next one is no first load."""
    connect(world, registry, server, kind)
    for key in ("a", "b"):
        server.faults.extend([source.answer, status(403)])
        assert (await world.run()).status is ExecutionStatus.FAILED
        source.delete(key)
    await world.run()
    assert await live(world) == set(source.living)


@pytest.mark.parametrize("kind", KINDS)
async def test_first_load_asks_for_no_deletions(
    world: SyncWorld, registry: AdapterRegistry, server: ProviderServer, source: ToldSource, kind: str
) -> None:
    """Nothing is there yet that could be gone."""
    connect(world, registry, server, kind)
    await world.run()
    assert source.asked == ["/all"] * 3


@pytest.mark.parametrize("kind", KINDS)
async def test_sweep_finds_what_a_source_that_forgot_can_not_tell(
    world: SyncWorld, registry: AdapterRegistry, server: ProviderServer, source: ToldSource, kind: str
) -> None:
    """The run that is refused its watermark reads everything, and judges by that."""
    connect(world, registry, server, kind, sweep=True)
    await world.run()
    source.delete("a")
    source.forgets = True
    execution = await world.run()
    assert (execution.status, execution.counts.deleted) == (ExecutionStatus.SUCCEEDED, 1)
    assert await live(world) == set(source.living)
    source.forgets = False
    source.delete("b")
    await world.run()
    assert await live(world) == set(source.living)


@pytest.mark.parametrize("kind", KINDS)
async def test_full_run_goes_well_where_the_source_has_forgotten(
    world: SyncWorld, registry: AdapterRegistry, server: ProviderServer, source: ToldSource, kind: str
) -> None:
    """It is the cure for that; without a sweep, what was deleted before stays."""
    connect(world, registry, server, kind)
    await world.run()
    source.delete("a")
    source.forgets = True
    execution = await world.run(SyncMode.FULL)
    assert (execution.status, execution.counts.unchanged) == (ExecutionStatus.SUCCEEDED, 4)
    assert "a" in await live(world)


@pytest.mark.parametrize(
    ("kind", "ends"), [("changes", "succeeded"), ("link", "succeeded"), ("list", "failed")]
)
async def test_opaque_watermark_of_another_server_does_not_stop_a_full_run(
    world: SyncWorld,
    registry: AdapterRegistry,
    server: ProviderServer,
    source: ToldSource,
    kind: str,
    ends: str,
) -> None:
    """It means nothing there. A time means the same everywhere: a list that refuses one is told of."""
    connect(world, registry, server, kind)
    await world.run()
    await reconfigure(world)
    source.refuses = True
    assert (await world.run()).status.value == ends


async def test_watermark_of_another_document_does_not_stop_a_full_run(
    world: SyncWorld, registry: AdapterRegistry, server: ProviderServer, source: ToldSource
) -> None:
    """A full run is what the error about such a watermark asks for."""
    connect(world, registry, server, "changes")
    await world.run()
    connect(world, registry, server, "tombstones")
    assert (await world.run()).status is ExecutionStatus.FAILED
    assert (await world.run(SyncMode.FULL)).status is ExecutionStatus.SUCCEEDED
    source.delete("a")
    await world.run()
    assert await live(world) == set(source.living)
