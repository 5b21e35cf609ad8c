"""Everything embedded in one folder, for one process: documents, queues, secrets, archive and identity."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from shared.backends.embedded.process_lock import process_lock
from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.backends.embedded.sqlite_queue import SqliteQueue
from shared.backends.opened import Backends, Opening
from shared.config import Settings
from shared.ports.archive import Archive
from shared.ports.clock import Clock
from shared.ports.identity import TokenVerifier
from shared.ports.secrets import SecretStore
from shared.resilience.lease import release_abandoned

if TYPE_CHECKING:
    from shared.backends.embedded.local_identity import LocalIdentity


async def open_embedded(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Backends:
    """Open the folder for this process; `stack` closes it.

    Raises:
        ConfigurationError: Another process has it, or it can't be used.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    stack.enter_context(process_lock(settings.data_dir))
    documents = await SqliteDocumentStore.open(settings.data_dir / "documents.db", clock)
    stack.push_async_callback(documents.close)
    await release_abandoned(documents)
    queue = await SqliteQueue.open(settings.data_dir / "queue.db", clock)
    stack.push_async_callback(queue.close)

    async def secrets() -> SecretStore:
        from shared.backends.embedded.file_secrets import FileSecretStore

        return await FileSecretStore.open(settings.data_dir / "secrets", clock)

    async def archive() -> Archive:
        from shared.backends.embedded.file_archive import FileArchive

        return await FileArchive.open(settings.data_dir / "archive", clock)

    return Backends(
        documents=documents,
        sender=queue,
        source=queue.source,
        tokens=await _token_verifier(settings, clock),
        secrets=Opening(secrets),
        archive=Opening(archive),
        is_one_process=True,
        warm_up=_nothing,
    )


def open_local_identity(settings: Settings, clock: Clock) -> LocalIdentity:
    """Return the signer of this folder's tokens. Blocks for the time of reading a small file."""
    from shared.backends.embedded.local_identity import LocalIdentity

    return LocalIdentity.open(
        settings.data_dir, clock, issuer=settings.jwt_issuer, audience=settings.jwt_audience
    )


async def _token_verifier(settings: Settings, clock: Clock) -> TokenVerifier:
    if settings.jwks_url is None:
        return await asyncio.to_thread(open_local_identity, settings, clock)
    from shared.backends.jwks_identity import JwksTokenVerifier

    return JwksTokenVerifier(settings.jwt_issuer, settings.jwt_audience, settings.jwks_url, clock=clock)


async def _nothing() -> None:
    """Everything is open already."""
