"""Deleting an integration: whatever line the process dies at, it ends deleted, and the record says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.backends.embedded.file_secrets import FileSecretStore
from shared.domain.connection import Connection, ConnectionStatus, connection_id
from shared.domain.deletion import DeletionRecord, DeletionStep
from shared.domain.errors import LeaseHeldError, NotFoundError, StaleWriteError, UnavailableError
from shared.domain.sync import ExecutionStatus, SyncMode, Trigger
from shared.ports.documents import Query
from shared.repositories.checkpoints import CheckpointRepository
from shared.repositories.connections import ConnectionRepository
from shared.repositories.deletions import DeletionRepository
from shared.repositories.quarantine import QuarantineRepository
from shared.services.credentials import CredentialVault
from shared.services.deletion_steps import DeletionSteps
from shared.services.grant_vault import GrantVault
from shared.services.integration_deletion import IntegrationDeletion
from tests.fakes.adapter import FakeAdapter
from tests.fakes.clock import START
from tests.fakes.dying_store import ProcessDeath
from tests.unit.services.sync_world import TENANT, SyncWorld, record, sync_world

USER = "ada"


class FakeDisconnect:
    """Marks connections and deletes their secrets; `failing` stands for a provider that does not answer."""

    def __init__(self, connections: ConnectionRepository, vault: GrantVault) -> None:
        self._connections = connections
        self._vault = vault
        self.ended: list[str] = []
        self.failing = False

    async def run(self, tenant_id: str, connection: str, actor: str) -> None:
        if self.failing:
            raise UnavailableError("the provider does not answer")
        found = await self._connections.get(tenant_id, connection)
        await self._connections.replace(found.changed(status=ConnectionStatus.DISCONNECTED))
        await self._vault.delete(found)
        self.ended.append(connection)


class DeletionWorld:
    """An integration that was synced, with a bad record, a key and two connections."""

    def __init__(self, sync: SyncWorld, secrets: FileSecretStore) -> None:
        async def opened() -> FileSecretStore:
            return secrets

        self.sync = sync
        self.secrets = secrets
        self.vault = CredentialVault(opened, sync.adapters, sync.clock)
        self.grants = GrantVault(opened)
        self.connections = ConnectionRepository(sync.store)
        self.disconnect = FakeDisconnect(self.connections, self.grants)
        steps = DeletionSteps(
            integrations=sync.integrations,
            connections=self.connections,
            checkpoints=CheckpointRepository(sync.store, sync.clock),
            quarantine=QuarantineRepository(sync.store),
            active_runs=sync.active_runs,
            records=sync.records,
            disconnect=self.disconnect,
            vault=self.vault,
            leases=sync.leases,
            clock=sync.clock,
        )
        deletions = DeletionRepository(sync.store)
        self.deletion = IntegrationDeletion(deletions, sync.integrations, steps, sync.leases, sync.clock)

    async def fill(self) -> None:
        integration = await self.sync.add_integration()
        await self.sync.run()
        self.sync.adapters.fields = ("apiKey",)
        provider = await self.sync.providers.get("test", "fake")
        name, stored = await self.vault.put(integration, provider, {"apiKey": "a key"}, USER)
        present = await self.sync.integrations.get(TENANT, "int1")
        await self.sync.integrations.replace(
            present.changed(credential_secret_name=name, credential_version=stored.version)
        )
        for user in (None, USER):
            await self._connect(user)

    async def _connect(self, user: str | None) -> None:
        connection = Connection(
            id=connection_id("int1", user),
            tenant_id=TENANT,
            integration_id="int1",
            provider_id="fake",
            provider_category="test",
            user_id=user,
            auth_kind="oauth2AuthorizationCode",
            connected_at=START,
            created_at=START,
            updated_at=START,
        )
        name, version = await self.grants.put(connection, "a refresh token", USER)
        await self.connections.create(connection.changed(secret_name=name, secret_version=version))

    async def delete(self, etag: str | None = None) -> DeletionRecord:
        return await self.deletion.run(TENANT, "int1", etag, USER)

    async def left(self, container: str, *more: str) -> int:
        return len((await self.sync.store.query(container, Query((TENANT, *more), limit=100))).items)

    async def check_gone(self, deleted: DeletionRecord) -> None:
        assert deleted.status == "completed"
        assert deleted.completed_at is not None
        assert [done.step for done in deleted.steps] == list(DeletionStep)
        assert await self.sync.integrations.find(TENANT, "int1") is None
        assert await self.secrets.names() == []
        assert await self.left("connections") == 0
        assert await self.left("checkpoints", "int1") == 0
        assert await self.left("quarantine") == 0
        assert await self.left("sync-executions") == 1
        assert sorted(await self.sync.shards()) == ["a", "b"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DeletionWorld]:
    adapter = FakeAdapter([record("a"), record("b"), record("c", name=None)])
    async with sync_world(tmp_path, adapter=adapter) as sync:
        made = DeletionWorld(sync, await FileSecretStore.open(tmp_path / "secrets", sync.clock))
        await made.fill()
        yield made


async def test_everything_but_shards_and_run_records_is_gone(world: DeletionWorld) -> None:
    """Integration, connections, secrets, checkpoints and quarantine are deleted, and the record says when."""
    deleted = await world.delete()
    await world.check_gone(deleted)
    assert deleted.actor == USER
    assert sorted(world.disconnect.ended) == sorted([connection_id("int1"), connection_id("int1", USER)])


async def test_asking_again_tells_what_was_done(world: DeletionWorld) -> None:
    """A repeated request finds the record, and does nothing."""
    first = await world.delete()
    assert await world.delete() == first
    assert await world.deletion.get(TENANT, first.id) == first


async def test_an_integration_that_never_was_is_not_found(world: DeletionWorld) -> None:
    """There is no record of what never existed."""
    with pytest.raises(NotFoundError):
        await world.deletion.run(TENANT, "other", None, USER)
    with pytest.raises(NotFoundError):
        await world.deletion.run("another-tenant", "int1", None, USER)


async def test_a_stale_etag_deletes_nothing(world: DeletionWorld) -> None:
    """Who has not seen the last change decides nothing."""
    with pytest.raises(StaleWriteError):
        await world.delete(etag="99")
    assert await world.sync.integrations.find(TENANT, "int1") is not None


async def test_a_run_under_way_is_ended_first(world: DeletionWorld) -> None:
    """Its message finds it cancelled, and nothing is stored any more."""
    integration = await world.sync.integrations.get(TENANT, "int1")
    run = await world.sync.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-2")
    await world.delete()
    assert await world.sync.status(run.id) is ExecutionStatus.CANCELLED
    await world.sync.work()
    assert await world.left("checkpoints", "int1") == 0


async def test_while_a_step_is_at_work_it_waits_and_goes_on_later(world: DeletionWorld) -> None:
    """The record stays open; the scheduler completes it once the step has ended."""
    async with world.sync.leases.hold(TENANT, "sync.int1"):
        deleting = asyncio.create_task(world.delete())
        while not deleting.done():
            await asyncio.wait([deleting], timeout=0.01)
            world.sync.clock.advance(1)
        with pytest.raises(LeaseHeldError):
            await deleting
        assert await world.sync.integrations.find(TENANT, "int1") is not None
    assert await world.deletion.resume() == 1
    await world.check_gone(await world.delete())


async def test_a_provider_that_does_not_answer_only_delays_it(world: DeletionWorld) -> None:
    """Disabled at once, deleted when the tokens could be given back."""
    world.disconnect.failing = True
    with pytest.raises(UnavailableError):
        await world.delete()
    disabled = await world.sync.integrations.get(TENANT, "int1")
    assert (disabled.status, disabled.next_sync_at) == ("disabled", None)
    assert await world.deletion.resume() == 0
    world.disconnect.failing = False
    assert await world.deletion.resume() == 1
    assert await world.deletion.resume() == 0
    await world.check_gone(await world.delete())


@pytest.mark.parametrize("writes", range(40))
async def test_it_survives_a_death_at_any_write(world: DeletionWorld, writes: int) -> None:
    """Whatever was written before the process died, the next one completes it once."""
    world.sync.store.dies_before = writes
    with contextlib.suppress(ProcessDeath):
        await world.delete()
    world.sync.store.revive()
    world.sync.clock.advance(120)  # leases of the dead process run out
    await world.deletion.resume()
    await world.check_gone(await world.delete())
