"""Rotation of keys: time limits, crashes, and rotations that meet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from shared.backends.embedded.file_secrets import FileSecretStore
from shared.domain.errors import InvalidStateError, LeaseHeldError, UnavailableError
from shared.domain.provider import Provider
from shared.ports.secrets import SecretVersion
from shared.services.connection_test import ConnectionTester
from shared.services.credential_rotation import ROLLBACK_DAYS, CredentialRotation
from shared.services.credentials import CredentialVault
from tests.fakes.adapter import FakeAdapter
from tests.fakes.token_endpoint import FakeTokenEndpoint
from tests.unit.services.sync_world import PROVIDER, TENANT, SyncWorld, record, sync_world


class BreakableSecrets(FileSecretStore):
    """A store that stops answering when a version is to be disabled."""

    breaks = False

    async def set_enabled(self, name: str, version: str, *, enabled: bool) -> SecretVersion:
        if self.breaks and not enabled:
            raise UnavailableError("the store is gone")
        return await super().set_enabled(name, version, enabled=enabled)


@dataclass
class RotationWorld:
    sync: SyncWorld
    secrets: BreakableSecrets
    rotation: CredentialRotation

    async def rotate(self, key: str) -> str:
        stored = await self.rotation.rotate(TENANT, "int1", {"apiKey": key}, "ada")
        return stored.version

    async def enabled(self) -> list[bool]:
        """Whether each version can be read, oldest first."""
        return [each.enabled for each in reversed(await self.rotation.versions(TENANT, "int1"))]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[RotationWorld]:
    async with sync_world(tmp_path, adapter=FakeAdapter([record("a")])) as sync:
        sync.adapters.fields = ("apiKey",)
        secrets = await BreakableSecrets.open(tmp_path / "secrets", sync.clock)

        async def opened() -> BreakableSecrets:
            return secrets

        vault = CredentialVault(opened, sync.adapters, sync.clock)
        integration = await sync.add_integration()
        name, first = await vault.put(integration, await provider(sync), {"apiKey": "first"}, "ada")
        named = integration.changed(credential_secret_name=name, credential_version=first.version)
        await sync.integrations.replace(named)
        repositories = (sync.integrations, sync.providers)
        tester = ConnectionTester(*repositories, sync.adapters, vault, sync.clock)
        rotation = CredentialRotation(*repositories, vault, sync.adapters, tester, sync.leases, sync.clock)
        yield RotationWorld(sync, secrets, rotation)


async def provider(sync: SyncWorld) -> Provider:
    return await sync.providers.get(PROVIDER.category, PROVIDER.id)


async def test_going_back_ends_after_thirty_days(world: RotationWorld) -> None:
    """Until then the former version is kept, disabled; from then on it stays so."""
    await world.rotate("second")
    world.sync.clock.advance(timedelta(days=ROLLBACK_DAYS).total_seconds())
    await world.rotation.rollback(TENANT, "int1", "ada")
    assert await world.enabled() == [True, False]

    world.sync.clock.advance(timedelta(days=ROLLBACK_DAYS, seconds=1).total_seconds())
    with pytest.raises(InvalidStateError, match="30 days"):
        await world.rotation.rollback(TENANT, "int1", "ada")
    assert await world.enabled() == [True, False]


async def test_what_a_crash_leaves_enabled_the_next_one_disables(world: RotationWorld) -> None:
    """The new version is in use by then; the old one is named, so that it is not forgotten."""
    world.secrets.breaks = True
    with pytest.raises(UnavailableError):
        await world.rotate("second")
    assert await world.enabled() == [True, True]

    world.secrets.breaks = False
    await world.rotate("third")
    assert await world.enabled() == [False, False, True]


async def test_rotations_do_not_meet(world: RotationWorld) -> None:
    """The second is told to come again, and stores nothing."""
    async with world.sync.leases.hold(TENANT, "credentials.int1"):
        with pytest.raises(LeaseHeldError):
            await world.rotate("second")
    assert await world.enabled() == [True]


async def test_what_comes_from_signing_in_is_not_rotated(world: RotationWorld) -> None:
    """A refresh token that is replaced by hand would end the grant of the one in use."""
    world.sync.adapters.endpoint = FakeTokenEndpoint()
    with pytest.raises(InvalidStateError, match="connect anew"):
        await world.rotate("second")
    assert await world.enabled() == [True]
