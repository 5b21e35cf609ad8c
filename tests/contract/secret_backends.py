"""The secret stores that the contract holds for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from shared.backends.azure.key_vault_secrets import KeyVaultSecretStore
from shared.backends.embedded.file_secrets import FileSecretStore
from shared.ports.secrets import SecretStore
from tests.doubles.credential import FakeCredential
from tests.doubles.keyvault.server import running_vault
from tests.fakes.clock import FakeClock


@asynccontextmanager
async def _file(folder: Path, clock: FakeClock) -> AsyncIterator[SecretStore]:
    yield await FileSecretStore.open(folder, clock)


@asynccontextmanager
async def _key_vault(folder: Path, clock: FakeClock) -> AsyncIterator[SecretStore]:
    """The real SDK against a vault's double."""
    async with running_vault(folder, clock) as vault:
        store = await KeyVaultSecretStore.open(
            vault.url, FakeCredential(), clock, tls=vault.tls, verify_challenge=False
        )
        yield store
        await store.close()


BACKENDS: Mapping[str, Callable[[Path, FakeClock], AbstractAsyncContextManager[SecretStore]]] = {
    "file": _file,
    "key vault": _key_vault,
}


@pytest.fixture
def secret_clock() -> FakeClock:
    """The clock of the store's side; a store may stamp versions with whole seconds only."""
    return FakeClock()


@pytest.fixture(params=sorted(BACKENDS))
async def secrets(
    request: pytest.FixtureRequest, tmp_path: Path, secret_clock: FakeClock
) -> AsyncIterator[SecretStore]:
    async with BACKENDS[request.param](tmp_path, secret_clock) as store:
        yield store
