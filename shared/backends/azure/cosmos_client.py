"""The connection to one Cosmos DB database: bounded, timed, metered, and with the app's own errors."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self, TypeAlias, TypeVar

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.cosmos.aio import ContainerProxy, CosmosClient, DatabaseProxy

from shared.backends.azure.cosmos_errors import translate
from shared.backends.azure.cosmos_transport import metered_transport
from shared.domain.errors import UnavailableError

T = TypeVar("T")
Credential: TypeAlias = str | AsyncTokenCredential
"""The account's key, or an identity with a data-plane role; who made it closes it."""


@dataclass(frozen=True, slots=True)
class CosmosOptions:
    """How to talk to the service.

    Attributes:
        concurrency: So many requests at once; the others wait. 16 batches of 100 writes keep about 10,000
            RU/s busy; more would only be throttled.
        call_seconds: One call's limit, with the SDK's waits for throttling in it.
        throttle_retries: How often the SDK repeats a request that was throttled (429), each time after the
            pause that the service asks for.
        throttle_seconds: And no longer than this in sum.
        discover_endpoints: False for a local server, which has one address.
        tls: What to trust; the system's authorities by default.
    """

    concurrency: int = 16
    call_seconds: float = 30.0
    throttle_retries: int = 5
    throttle_seconds: int = 10
    discover_endpoints: bool = True
    tls: ssl.SSLContext | None = None


DEFAULT_OPTIONS = CosmosOptions()


class CosmosConnection:
    """One client of the SDK and the containers of one database. Make it with `open`, end it with `close`."""

    def __init__(
        self, client: CosmosClient, database: DatabaseProxy, options: CosmosOptions, stack: AsyncExitStack
    ) -> None:
        """Use `open` instead."""
        self.client = client
        self.database = database
        self._options = options
        self._stack = stack
        self._slots = asyncio.Semaphore(options.concurrency)
        self._containers: dict[str, ContainerProxy] = {}
        self._closed = False

    @classmethod
    async def open(
        cls, endpoint: str, credential: Credential, database: str, options: CosmosOptions = DEFAULT_OPTIONS
    ) -> Self:
        """Connect to the account. Whether the database exists is seen at its first use.

        Raises:
            UnavailableError: The account does not answer.
            ConfigurationError: The credential is not accepted.
        """
        client = CosmosClient(
            endpoint,
            credential,
            enable_endpoint_discovery=options.discover_endpoints,
            retry_throttle_total=options.throttle_retries,
            retry_throttle_backoff_max=options.throttle_seconds,
            # The SDK would also repeat writes whose connection broke: see cosmos_transport.
            retry_connect=0,
            retry_read=0,
            enable_compact_utf8_item_writes=True,
            transport=metered_transport(options.tls),
        )
        async with AsyncExitStack() as stack:
            stack.push_async_callback(client.close)
            connection = cls(client, client.get_database_client(database), options, stack.pop_all())
        try:
            await connection.call(client.__aenter__)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def container(self, name: str) -> ContainerProxy:
        """Return the SDK's container. The first use reads its properties, which the SDK then keeps.

        Raises:
            ConfigurationError: It is not there.
        """
        if name not in self._containers:
            proxy = self.database.get_container_client(name)
            await self.call(proxy.read)
            self._containers[name] = proxy
        return self._containers[name]

    async def call(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Run one operation of the SDK when there is room for it.

        Raises:
            IntegrationError: As `cosmos_errors` says; UnavailableError also after `close`.
        """
        if self._closed:
            raise UnavailableError("The connection to Cosmos DB is closed.")
        async with self._slots:
            try:
                async with asyncio.timeout(self._options.call_seconds):
                    return await operation()
            except (AzureError, TimeoutError) as error:
                # Without its cause, whose text may quote documents.
                raise translate(error) from None

    async def close(self) -> None:
        """Close the client; again and again does no harm."""
        self._closed = True
        await self._stack.aclose()
