"""The secret store of one laptop: one encrypted file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Self, TypeVar

from shared.backends.embedded.durable_files import in_thread
from shared.backends.embedded.encrypted_file import EncryptedFile
from shared.backends.embedded.secret_book import SecretBook
from shared.backends.secret_rules import check_secret
from shared.ports.clock import Clock
from shared.ports.secrets import Secret, SecretVersion

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Opened:
    """The file's content as last seen, decrypted, and its seal; None before the first write."""

    seal: bytes | None
    book: SecretBook = field(repr=False)


class FileSecretStore:
    """`SecretStore` in `secrets.bin`, encrypted under the key in `secrets.key`; `open` makes one.

    Every write replaces the whole file at once. Several stores, in several processes, may use one folder:
    a change happens under the file's lock, and a reader sees by the file's seal that it changed.
    """

    def __init__(self, file: EncryptedFile, clock: Clock, random_bytes: Callable[[int], bytes]) -> None:
        self._file = file
        self._clock = clock
        self._random_bytes = random_bytes
        self._opened = _Opened(None, SecretBook())
        self._writing = asyncio.Lock()

    @classmethod
    async def open(
        cls, folder: Path, clock: Clock, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> Self:
        """Open the store in a folder, and make both if they are not there.

        Args:
            folder: Where the files are; only its owner should be able to look into it.
            clock: Time, for `created_at`.
            random_bytes: Makes that many random bytes, fit for keys.

        Raises:
            ConfigurationError: Others may read the key file, or key and data don't fit each other.
            UnavailableError: The file system refused or failed.
        """
        store = cls(await in_thread(EncryptedFile.open, folder, "secrets", random_bytes), clock, random_bytes)
        await in_thread(store._current)
        return store

    async def set(self, name: str, value: str, tags: Mapping[str, str] | None = None) -> SecretVersion:
        """Store a new version and make it the current one (see `SecretStore.set`)."""
        check_secret(name, value, tags or {})
        kept_tags = MappingProxyType(dict(tags or {}))
        version_id = self._random_bytes(16).hex()
        version = SecretVersion(name, version_id, enabled=True, created_at=self._clock.now(), tags=kept_tags)
        return await self._change(lambda book: book.add(version, value))

    async def get(self, name: str, version: str | None = None) -> Secret:
        """Return the current version, or the one named (see `SecretStore.get`)."""
        return (await in_thread(self._current)).find(name, version)

    async def versions(self, name: str) -> Sequence[SecretVersion]:
        """Return every version, newest first (see `SecretStore.versions`)."""
        return [secret.properties for secret in (await in_thread(self._current)).versions(name)]

    async def set_enabled(self, name: str, version: str, *, enabled: bool) -> SecretVersion:
        """Enable or disable one version (see `SecretStore.set_enabled`)."""
        return await self._change(lambda book: book.set_enabled(name, version, enabled=enabled))

    async def names(self, prefix: str = "") -> Sequence[str]:
        """Return the names of secrets that are not deleted, in order."""
        return (await in_thread(self._current)).names(prefix)

    async def delete(self, name: str) -> bool:
        """Soft-delete a secret with all its versions; False if it was not there."""
        return await self._set_deleted(name, deleted=True)

    async def recover(self, name: str) -> bool:
        """Bring a soft-deleted secret back; False if it is not soft-deleted."""
        return await self._set_deleted(name, deleted=False)

    async def _set_deleted(self, name: str, *, deleted: bool) -> bool:
        def mark(book: SecretBook) -> tuple[SecretBook, bool]:
            changed = book.set_deleted(name, deleted=deleted)
            return changed, changed is not book

        return await self._change(mark)

    async def _change(self, change: Callable[[SecretBook], tuple[SecretBook, T]]) -> T:
        async with self._writing:
            return await in_thread(self._change_file, change)

    def _change_file(self, change: Callable[[SecretBook], tuple[SecretBook, T]]) -> T:
        with self._file.lock():
            book = self._current()
            changed, result = change(book)
            if changed is not book:
                self._opened = _Opened(self._file.replace(changed.to_json()), changed)
        return result

    def _current(self) -> SecretBook:
        opened = self._opened
        newer = self._file.read_unless(opened.seal)
        if newer is not None:
            opened = self._opened = _Opened(newer.seal, SecretBook.from_json(newer.content))
        return opened.book
