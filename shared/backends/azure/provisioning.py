"""Makes what the app keeps its data in. For emulators and trials; templates deploy it for production."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from shared.backends.azure.cosmos_client import CosmosConnection, CosmosOptions
from shared.backends.azure.cosmos_provision import provision
from shared.backends.azure.opening import Opener
from shared.config import Settings
from shared.ports.clock import Clock


async def provision_azure(settings: Settings, clock: Clock) -> Sequence[str]:
    """Create the database, its containers and the archive's container; return a line for each thing made.

    Raises:
        UnavailableError: A service does not answer.
        ConfigurationError: A service refuses, or holds something of that name that does not fit.
    """
    async with AsyncExitStack() as stack:
        opener = Opener(settings, clock, stack)
        connection = await CosmosConnection.open(
            settings.cosmos_endpoint or "",
            await opener.cosmos_credential(),
            settings.cosmos_database,
            CosmosOptions(tls=opener.tls()),
        )
        stack.push_async_callback(connection.close)
        made = [f"Cosmos DB container {name}" for name in await provision(connection)]
        archive = await opener.archive()
        return [*made, f"Blob container {settings.blob_container}"] if await archive.provision() else made
