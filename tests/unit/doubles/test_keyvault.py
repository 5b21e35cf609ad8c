"""The vault's double, as a program and where it must refuse."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.keyvault.secrets.aio import SecretClient

from shared.backends.azure.transport import open_transport
from shared.backends.system_clock import SystemClock
from tests.doubles.certificate import client_tls
from tests.doubles.credential import FakeCredential
from tests.doubles.keyvault.server import running_vault
from tests.integration.systems.server import free_port

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def client_of(url: str, certificate: Path) -> AsyncIterator[SecretClient]:
    transport = open_transport(client_tls(certificate))
    client = SecretClient(url, FakeCredential(), transport=transport, verify_challenge_resource=False)
    async with client:
        yield client


async def test_it_runs_as_a_program(tmp_path: Path) -> None:
    """It says "ready" once the SDK can work with it."""
    port = free_port()
    command = ["-m", "tests.doubles.keyvault", "--port", str(port), "--folder", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        assert await process.stdout.readline() == b"ready\n"
        async with client_of(f"https://127.0.0.1:{port}", tmp_path / "server.pem") as client:
            await client.set_secret("key", "value")
            assert (await client.get_secret("key")).value == "value"
    finally:
        process.kill()
        await process.communicate()


async def test_without_purge_protection_a_deleted_secret_can_be_purged(tmp_path: Path) -> None:
    """Only a deleted one; then its name is free, and nothing of it comes back."""
    async with (
        running_vault(tmp_path, SystemClock(), purge_protection=False) as vault,
        client_of(vault.url, tmp_path / "server.pem") as client,
    ):
        await client.set_secret("key", "old")
        with pytest.raises(ResourceNotFoundError):
            await client.purge_deleted_secret("key")
        deleted = await client.delete_secret("key")
        assert deleted.properties.recovery_level == "Recoverable+Purgeable"

        await client.purge_deleted_secret("key")

        assert [each.name async for each in client.list_deleted_secrets()] == []
        await client.set_secret("key", "new")
        assert len([each async for each in client.list_properties_of_secret_versions("key")]) == 1


async def test_tags_change_without_a_new_version(tmp_path: Path) -> None:
    """An update keeps value and version; a value too large is refused."""
    async with (
        running_vault(tmp_path, SystemClock()) as vault,
        client_of(vault.url, tmp_path / "server.pem") as client,
    ):
        made = await client.set_secret("key", "value", tags={"a": "1"})
        changed = await client.update_secret_properties("key", made.properties.version, tags={"b": "2"})
        assert (changed.version, changed.tags) == (made.properties.version, {"b": "2"})
        with pytest.raises(HttpResponseError, match="BadParameter"):
            await client.set_secret("key", "x" * (25 * 1024 + 1))
