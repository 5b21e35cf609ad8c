"""Everything on Azure: each service is imported and connected at its first use, or while nobody waits."""

from __future__ import annotations

import asyncio
import importlib
import ssl
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from shared.backends.azure.late import LateDocumentStore, LateSender, LateSource
from shared.backends.opened import Backends, Opening
from shared.config import Settings, is_this_machine
from shared.ports.clock import Clock
from shared.ports.documents import DocumentStore
from shared.ports.identity import TokenVerifier
from shared.ports.queue import MessageSender, MessageSource
from shared.ports.secrets import SecretStore

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from shared.backends.azure.blob_archive import BlobArchive
    from shared.backends.azure.service_bus_namespace import ServiceBusNamespace


async def open_azure(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Backends:
    """Return the ports; `stack` closes what they open. Nothing is connected yet."""
    opener = Opener(settings, clock, stack)
    documents, sender = Opening(opener.documents), Opening(opener.sender)

    async def warm_up() -> None:
        # What every run needs.
        await asyncio.gather(documents(), sender())

    return Backends(
        documents=LateDocumentStore(documents),
        sender=LateSender(sender),
        source=LateSource(Opening(opener.source)),
        tokens=await opener.tokens(),
        secrets=Opening(opener.secrets),
        archive=Opening(opener.archive),
        is_one_process=False,
        warm_up=warm_up,
    )


class Opener:
    """Opens each port's implementation, and has it closed with the process."""

    def __init__(self, settings: Settings, clock: Clock, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._clock = clock
        self._stack = stack
        self._identity = Opening(self._open_identity)
        self._importing = asyncio.Lock()

    async def documents(self) -> DocumentStore:
        """Connect to Cosmos DB."""
        await self._import("shared.backends.azure.cosmos_documents")
        from shared.backends.azure.cosmos_client import CosmosOptions
        from shared.backends.azure.cosmos_documents import CosmosDocumentStore

        settings = self._settings
        store = await CosmosDocumentStore.open(
            settings.cosmos_endpoint or "",
            await self.cosmos_credential(),
            settings.cosmos_database,
            self._clock,
            options=CosmosOptions(tls=self.tls()),
        )
        self._stack.push_async_callback(store.close)
        return store

    async def sender(self) -> MessageSender:
        """Return Service Bus's sending half."""
        await self._import("shared.backends.azure.service_bus_queue")
        from shared.backends.azure.service_bus_queue import ServiceBusSender

        sender = ServiceBusSender(await self._namespace())
        self._stack.push_async_callback(sender.close)
        return sender

    async def source(self) -> MessageSource:
        """Return its receiving half, for a host on this machine."""
        await self._import("shared.backends.azure.service_bus_queue")
        from shared.backends.azure.service_bus_queue import ServiceBusSource

        source = ServiceBusSource(await self._namespace())
        self._stack.push_async_callback(source.close)
        return source

    async def secrets(self) -> SecretStore:
        """Return the vault."""
        await self._import("shared.backends.azure.key_vault_secrets")
        from shared.backends.azure.key_vault_secrets import KeyVaultSecretStore

        store = await KeyVaultSecretStore.open(
            self._settings.key_vault_url or "",
            await self._identity(),
            self._clock,
            tls=self.tls(),
            # A stand-in on this machine has no name in the vault's domain.
            verify_challenge=not is_this_machine(self._settings.key_vault_url or ""),
        )
        self._stack.push_async_callback(store.close)
        return store

    async def archive(self) -> BlobArchive:
        """Return Blob Storage's container, whether it exists or not."""
        await self._import("shared.backends.azure.blob_archive")
        from shared.backends.azure.blob_archive import BlobArchive

        settings, clock = self._settings, self._clock
        connection, container = settings.blob_connection, settings.blob_container
        if connection:
            archive = await BlobArchive.open_by_connection_string(
                connection.get_secret_value(), container, clock, tls=self.tls()
            )
        else:
            url = settings.blob_account_url or ""
            archive = await BlobArchive.open(url, await self._identity(), container, clock, tls=self.tls())
        self._stack.push_async_callback(archive.close)
        return archive

    async def cosmos_credential(self) -> str | AsyncTokenCredential:
        """Return the key, or else the identity."""
        key = self._settings.cosmos_key
        return key.get_secret_value() if key else await self._identity()

    async def tokens(self) -> TokenVerifier:
        """Return what checks callers' tokens by the issuer's keys."""
        from shared.backends.jwks_identity import JwksTokenVerifier

        settings = self._settings
        return JwksTokenVerifier(
            settings.jwt_issuer, settings.jwt_audience, settings.jwks_url or "", clock=self._clock
        )

    async def _open_identity(self) -> AsyncTokenCredential:
        await self._import("shared.backends.azure.credentials")
        from shared.backends.azure.credentials import AzureCredential

        credential = AzureCredential(tls=self.tls())
        self._stack.push_async_callback(credential.close)
        return credential

    async def _namespace(self) -> ServiceBusNamespace:
        from shared.backends.azure.service_bus_namespace import ServiceBusNamespace

        connection, host = self._settings.service_bus_connection, self._settings.service_bus_namespace
        if connection:
            return ServiceBusNamespace.from_connection_string(connection.get_secret_value(), self.tls())
        return ServiceBusNamespace.with_identity(host or "", await self._identity(), self.tls())

    def tls(self) -> ssl.SSLContext | None:
        """Return what to trust beside the public authorities, if anything."""
        trusted = self._settings.ca_file
        if trusted is None:
            return None
        context = ssl.create_default_context()
        context.load_verify_locations(cafile=str(trusted))
        return context

    async def _import(self, module: str) -> None:
        """Import one module at a time, and in a thread: some SDKs take a third of a second."""
        async with self._importing:
            await asyncio.to_thread(importlib.import_module, module)
