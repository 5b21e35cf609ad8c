"""Rotation of keys: time limits, crashes, and rotations that meet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from shared.backends.embedded.file_secrets import FileSecretStore
from shared.domain.errors import (
    ConfigurationError,
    IntegrationError,
    InvalidRequestError,
    InvalidStateError,
    LeaseHeldError,
    UnavailableError,
)
from shared.domain.integration import Integration
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


class FakeTrial:
    """Takes every client, unless it is to fail."""

    def __init__(self) -> None:
        self.tried: list[Mapping[str, str]] = []
        self.failing: IntegrationError | None = None

    async def try_client(
        self, integration: Integration, provider: Provider, values: Mapping[str, str]
    ) -> None:
        self.tried.append(values)
        if self.failing:
            raise self.failing


@dataclass
class RotationWorld:
    sync: SyncWorld
    secrets: BreakableSecrets
    rotation: CredentialRotation
    trial: FakeTrial

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
        trial = FakeTrial()
        rotation = CredentialRotation(
            *repositories, vault, sync.adapters, tester, trial, sync.leases, sync.clock
        )
        yield RotationWorld(sync, secrets, rotation, trial)


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


async def test_a_clients_secret_is_tried_by_a_refresh(world: RotationWorld) -> None:
    """Where people sign in, the new secret of the client must refresh the tenant's connection first."""
    world.sync.adapters.endpoint = FakeTokenEndpoint()
    await world.rotate("second")
    assert world.trial.tried == [{"apiKey": "second"}]
    assert await world.enabled() == [False, True]


@pytest.mark.parametrize(
    ("failure", "error", "words"),
    [
        (ConfigurationError("The client is not known."), InvalidRequestError, "The client is not known."),
        (UnavailableError("No answer."), UnavailableError, "could not be tried"),
    ],
)
async def test_a_client_that_does_not_work_changes_nothing(
    world: RotationWorld, failure: IntegrationError, error: type[Exception], words: str
) -> None:
    """The former secret stays in use; the one that was tried is disabled."""
    world.sync.adapters.endpoint = FakeTokenEndpoint()
    world.trial.failing = failure
    with pytest.raises(error, match=words):
        await world.rotate("second")
    assert await world.enabled() == [True, False]


async def test_what_a_crash_left_untried_is_disabled(world: RotationWorld) -> None:
    """A version that was stored and never used is not left open."""
    integration = await world.sync.integrations.get(TENANT, "int1")
    await world.secrets.set(integration.credential_secret_name or "", "{}", {"actor": "ada"})
    await world.rotate("third")
    assert await world.enabled() == [False, False, True]
