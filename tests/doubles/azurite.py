"""Microsoft's emulator of Blob Storage (npm azurite) in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from azure.storage.blob.aio import ContainerClient

from tests.integration.systems.installs import npm_packages
from tests.integration.systems.server import free_port, running

PACKAGE = "azurite@3.35.0"
"""The last one for Node 20."""
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The emulator's key, the same for everybody."""
OPTIONS = ("--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry")


@contextmanager
def running_azurite(folder: Path) -> Iterator[str]:
    """Run the emulator; give its URL."""
    port = free_port()
    command = [
        str(npm_packages(PACKAGE) / "azurite-blob"),
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
    ]
    url = f"http://127.0.0.1:{port}"
    with running([*command, *OPTIONS], url, folder):
        yield url


def connection_string(url: str) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={url}/{ACCOUNT};"
    )


async def create_container(url: str, name: str) -> None:
    async with ContainerClient.from_connection_string(connection_string(url), name) as container:
        await container.create_container()
