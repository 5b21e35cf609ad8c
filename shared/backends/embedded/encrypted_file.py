"""One file under AES-256-GCM, beside the file that holds its key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.backends.embedded.durable_files import file_lock, make_folder, read_private_file, replace_file
from shared.domain.errors import ConfigurationError

MAGIC = b"sealed\x00\x01"
"""Names the format, and is authenticated with the content. A nonce of 12 bytes and the ciphertext follow."""

KEY_BYTES = 32
NONCE_BYTES = 12
"""AES-256, and the nonce size that GCM is defined for (NIST SP 800-38D). A random one may be drawn 2**32
times under one key, far more often than a file of secrets is ever written."""

REMEDY = "restore both files from the same backup"


@dataclass(frozen=True, slots=True)
class Sealed:
    """One state of the file. `seal` differs for every write; no repr shows the content."""

    seal: bytes
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Paths:
    data: Path
    key: Path
    lock: Path


class EncryptedFile:
    """Reads and replaces the file; every call blocks, and belongs in a thread. `open` makes one."""

    def __init__(self, paths: _Paths, key: bytes, random_bytes: Callable[[int], bytes]) -> None:
        self._paths = paths
        self._cipher = AESGCM(key)
        self._random_bytes = random_bytes

    @classmethod
    def open(cls, folder: Path, name: str, random_bytes: Callable[[int], bytes]) -> Self:
        """Open `<name>.bin` in a folder; its key `<name>.key` is made at the first opening.

        Args:
            folder: Where the files are; made if missing.
            name: The files' common name.
            random_bytes: Makes that many random bytes: the key, and a nonce for each write.

        Raises:
            ConfigurationError: Others may read the key, or it is missing or no key.
        """
        make_folder(folder)
        paths = _Paths(folder / f"{name}.bin", folder / f"{name}.key", folder / f"{name}.lock")
        with file_lock(paths.lock):
            key = read_private_file(paths.key)
            if key is None:
                key = _make_key(paths, random_bytes)
        if len(key) != KEY_BYTES:
            raise ConfigurationError(f"{paths.key} does not hold a key of {KEY_BYTES} bytes: {REMEDY}")
        return cls(paths, key, random_bytes)

    def lock(self) -> AbstractContextManager[None]:
        """Keep every other writer out, in this process and others, from reading to replacing."""
        return file_lock(self._paths.lock)

    def read_unless(self, seal: bytes | None) -> Sealed | None:
        """Return the file's state; None if it is still the one with this seal.

        Args:
            seal: Of the state that the caller knows; None if that is a file never written.

        Raises:
            ConfigurationError: The file is damaged, sealed with another key, or was there and is gone.
        """
        try:
            file = self._paths.data.open("rb")
        except FileNotFoundError:
            if seal is None:
                return None
            raise ConfigurationError(f"{self._paths.data} is gone: {REMEDY}") from None
        with file:
            header = file.read(len(MAGIC) + NONCE_BYTES)
            return None if header == seal else Sealed(header, self._decrypt(header, file.read()))

    def replace(self, content: bytes) -> bytes:
        """Make `content` the file's new state and return its seal; the caller holds the lock."""
        nonce = self._random_bytes(NONCE_BYTES)
        header = MAGIC + nonce
        replace_file(self._paths.data, header + self._cipher.encrypt(nonce, content, MAGIC))
        return header

    def _decrypt(self, header: bytes, ciphertext: bytes) -> bytes:
        try:
            if header.startswith(MAGIC):
                return self._cipher.decrypt(header[len(MAGIC) :], ciphertext, MAGIC)
        except (InvalidTag, ValueError):  # ValueError: the nonce is cut short
            pass
        problem = f"{self._paths.data} is damaged or was sealed with another key than {self._paths.key}"
        raise ConfigurationError(f"{problem}: {REMEDY}")


def _make_key(paths: _Paths, random_bytes: Callable[[int], bytes]) -> bytes:
    if paths.data.exists():
        raise ConfigurationError(f"{paths.key}, the key of {paths.data}, is missing: {REMEDY}")
    key = random_bytes(KEY_BYTES)
    replace_file(paths.key, key)
    return key
