"""Everything that the azure backend talks to, on 127.0.0.1: doubles in this process, Azurite beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from shared.backends.azure.cosmos_client import CosmosConnection
from shared.backends.azure.cosmos_provision import provision
from shared.domain.queues import QUEUES
from shared.ports.clock import Clock
from tests.doubles.azurite import connection_string, create_container
from tests.doubles.cosmos.server import CosmosDouble
from tests.doubles.identity import IdentityDouble
from tests.doubles.keyvault.server import RunningVault, running_vault
from tests.doubles.servicebus.broker import Broker

COSMOS_KEY = "ZG91YmxlLW9mLWEta2V5"
DATABASE = "castiel-integrations"
CONTAINER = "archive"
_NO_ARCHIVE = "http://127.0.0.1:9"
"""Nobody answers there: an app that comes to need its archive is told so."""


@dataclass(frozen=True, slots=True)
class LocalCloud:
    """The doubles, and the variables by which an app finds them."""

    identity: IdentityDouble
    cosmos: CosmosDouble
    queues: Broker
    vault: RunningVault
    environment: dict[str, str]


@asynccontextmanager
async def local_cloud(
    folder: Path, clock: Clock, *, blobs_url: str | None = None, lock_seconds: int = 300
) -> AsyncIterator[LocalCloud]:
    """Run all doubles, with the declared containers and queues in them.

    Args:
        folder: For the vault's certificate.
        clock: Time.
        blobs_url: Where an Azurite listens; without one there is no archive.
        lock_seconds: How long a message stays with an instance that has died.
    """
    async with AsyncExitStack() as stack:
        identity = await stack.enter_async_context(IdentityDouble(clock))
        cosmos = await stack.enter_async_context(CosmosDouble(clock))
        vault = await stack.enter_async_context(running_vault(folder, clock, accepts=identity.knows))
        declared = [replace(queue, lock_seconds=lock_seconds) for queue in QUEUES.values()]
        queues = await Broker(declared, clock).start()
        stack.push_async_callback(queues.stop)
        await _provision(cosmos.endpoint)
        if blobs_url:
            await create_container(blobs_url, CONTAINER)
        environment = {
            **identity.environment,
            "INTEGRATIONS_BACKEND": "azure",
            "INTEGRATIONS_COSMOS_ENDPOINT": cosmos.endpoint,
            "INTEGRATIONS_COSMOS_KEY": COSMOS_KEY,
            "INTEGRATIONS_COSMOS_DATABASE": DATABASE,
            "INTEGRATIONS_KEY_VAULT_URL": vault.url,
            "INTEGRATIONS_CA_FILE": str(folder / "server.pem"),
            "INTEGRATIONS_BLOB_CONNECTION": connection_string(blobs_url or _NO_ARCHIVE),
            "INTEGRATIONS_BLOB_CONTAINER": CONTAINER,
            "ServiceBusConnection": queues.connection_string,
        }
        yield LocalCloud(identity, cosmos, queues, vault, environment)


async def _provision(endpoint: str) -> None:
    connection = await CosmosConnection.open(endpoint, COSMOS_KEY, DATABASE)
    try:
        await provision(connection)
    finally:
        await connection.close()
