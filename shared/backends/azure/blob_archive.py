"""The archive of Azure: a container of Blob Storage.

Importing this costs the SDK's import, 300 ms at a cold start: import it at the first use.
"""

from __future__ import annotations

import os
import random
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from typing import Self, cast

from azure.core import MatchConditions
from azure.core.async_paging import AsyncPageIterator
from azure.core.credentials_async import AsyncTokenCredential
from azure.storage.blob import BlobProperties, StandardBlobTier
from azure.storage.blob.aio import BlobClient, ContainerClient

from shared.backends.archive_check import holds
from shared.backends.archive_rules import check_metadata, check_path
from shared.backends.azure.blob_records import from_blob
from shared.backends.azure.blob_upload import BLOCK_BYTES, BlobUpload
from shared.backends.azure.service_calls import SDK_RETRIES, ServiceCalls
from shared.backends.azure.transport import open_transport
from shared.domain.errors import AlreadyExistsError, ConfigurationError, NotFoundError, StaleWriteError
from shared.ports.archive import ArchivedObject
from shared.ports.clock import Clock

TIMEOUT_SECONDS = 60.0
"""One attempt: a block of 1 MB, or a page of a list."""


class BlobArchive:
    """`Archive` on a container of an account without hierarchical namespace; `open_*` makes one.

    Objects go to the Cold tier: cheap to keep for at least 90 days, and readable at once, which verifying
    them needs. A rule of the account may move them on to Archive; reading raises InvalidStateError from then.
    """

    def __init__(
        self, container: ContainerClient, calls: ServiceCalls, clock: Clock, tier: StandardBlobTier
    ) -> None:
        self._container = container
        self._calls = calls
        self._clock = clock
        self._tier = tier

    @classmethod
    async def open(
        cls,
        account_url: str,
        credential: AsyncTokenCredential,
        container: str,
        clock: Clock,
        *,
        tier: StandardBlobTier = StandardBlobTier.COLD,
        timeout_seconds: float = TIMEOUT_SECONDS,
        tls: ssl.SSLContext | None = None,
        random: Callable[[], float] = random.random,
    ) -> Self:
        """Make an archive by an identity; nothing is sent before the first call.

        Args:
            account_url: `https://ACCOUNT.blob.core.windows.net`.
            credential: Whoever opened it closes it.
            container: Its name. It must exist.
            clock: Time, for `created_at` and the waits between attempts.
            tier: Where new objects go.
            timeout_seconds: For one attempt.
            tls: What to trust; the system's authorities by default.
            random: Between 0 and 1, for the waits.

        Raises:
            ConfigurationError: The URL is not https.
        """
        if not account_url.startswith("https://"):
            raise ConfigurationError("The storage account's URL must start with https://.")
        client = ContainerClient(
            account_url,
            container,
            credential=credential,
            transport=open_transport(tls),
            retry_total=SDK_RETRIES,
        )
        return cls(client, ServiceCalls(timeout_seconds, clock, random), clock, tier)

    @classmethod
    async def open_by_connection_string(
        cls,
        connection_string: str,
        container: str,
        clock: Clock,
        *,
        tier: StandardBlobTier = StandardBlobTier.COLD,
        timeout_seconds: float = TIMEOUT_SECONDS,
        tls: ssl.SSLContext | None = None,
        random: Callable[[], float] = random.random,
    ) -> Self:
        """Make an archive by an account's key (see `open`): for emulators, where there are no identities.

        Raises:
            ConfigurationError: The connection string is none.
        """
        transport = open_transport(tls)
        try:
            client = ContainerClient.from_connection_string(
                connection_string, container, transport=transport, retry_total=SDK_RETRIES
            )
        except ValueError:  # whose text repeats the string, and with it the key
            await transport.close()
            raise ConfigurationError("The storage account's connection string can't be read.") from None
        return cls(client, ServiceCalls(timeout_seconds, clock, random), clock, tier)

    async def provision(self) -> bool:
        """Create the container, and return whether that was needed.

        Raises:
            UnavailableError: The account does not answer.
            ConfigurationError: It does not let this identity create containers.
        """
        name = self._container.container_name
        try:
            await self._calls.call(f"container {name}", self._container.create_container)
        except AlreadyExistsError:
            return False
        return True

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._container.close()

    async def put(
        self, path: str, content: AsyncIterable[bytes], metadata: Mapping[str, str] | None = None
    ) -> ArchivedObject:
        """Store a stream as one object; it is there whole or not at all (see `Archive.put`)."""
        kept_metadata = dict(metadata or {})
        check_metadata(kept_metadata)
        if await self._find(path) is not None:
            raise AlreadyExistsError(f"the archive already holds {path}")
        upload = BlobUpload(self._blob(path), self._calls, path, os.urandom(16).hex())
        await upload.send(content)
        return await upload.commit(kept_metadata, self._clock.now(), self._tier)

    async def get(self, path: str) -> AsyncIterator[bytes]:
        """Stream an object's content in blocks of 1 MB (see `Archive.get`)."""
        found = await self._find(path)
        if found is None or from_blob(found) is None:
            raise _not_found(path)
        for offset in range(0, int(found.size or 0), BLOCK_BYTES):
            yield await self._read_block(path, offset, str(found.etag))

    async def stat(self, path: str) -> ArchivedObject | None:
        """Return what is known about an object without reading it, or None."""
        found = await self._find(path)
        return None if found is None else from_blob(found)

    async def list(self, prefix: str = "") -> AsyncIterator[ArchivedObject]:
        """Yield the objects whose path starts with `prefix`, in path order."""
        following: str | None = ""
        while following is not None:
            blobs, following = await self._page(prefix, following)
            for blob in blobs:
                record = from_blob(blob)
                if record is not None:
                    yield record

    async def verify(self, path: str) -> bool:
        """Read the object back and compare it with what `put` recorded (see `Archive.verify`)."""
        recorded = await self.stat(path)
        if recorded is None:
            raise _not_found(path)
        try:
            return await holds(recorded, self.get(path))
        except (NotFoundError, StaleWriteError):  # somebody removed or replaced it while it was read
            return False

    async def _find(self, path: str) -> BlobProperties | None:
        check_path(path)
        try:
            return await self._calls.call(_place(path), self._blob(path).get_blob_properties)
        except NotFoundError:
            return None

    async def _read_block(self, path: str, offset: int, etag: str) -> bytes:
        async def read() -> bytes:
            stream = await self._blob(path).download_blob(
                offset, BLOCK_BYTES, etag=etag, match_condition=MatchConditions.IfNotModified
            )
            return await stream.readall()

        return await self._calls.call(_place(path), read)

    async def _page(self, prefix: str, following: str) -> tuple[tuple[BlobProperties, ...], str | None]:
        async def read() -> tuple[tuple[BlobProperties, ...], str | None]:
            found = self._container.list_blobs(prefix or None, include=["metadata"])
            pages = cast("AsyncPageIterator[BlobProperties]", found.by_page(following or None))
            page = await anext(pages)
            return tuple([blob async for blob in page]), pages.continuation_token or None

        return await self._calls.call("the list of archived objects", read)

    def _blob(self, path: str) -> BlobClient:
        return self._container.get_blob_client(path)


def _place(path: str) -> str:
    return f"the archived object {path}"


def _not_found(path: str) -> NotFoundError:
    return NotFoundError(f"the archive holds no {path}")
