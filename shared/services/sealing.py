"""Encrypting what must not lie open in documents, under a data key from the secret store."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from shared.domain.errors import ForbiddenError, NotFoundError
from shared.ports.secrets import SecretStore

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_NAME = "system-integrations-datakey"

_KEY_BYTES, _NONCE_BYTES = 32, 12


class Sealer:
    """AES-256-GCM (NIST SP 800-38D) with a random nonce; what it is about is authenticated, not stored.

    The key is made at the first use. Where two processes make one at the same moment there are two versions:
    each text says which one it needs.

    Args:
        open_secrets: Opens the secret store at its first use.
        random_bytes: Gives so many random bytes.
    """

    def __init__(
        self,
        open_secrets: Callable[[], Awaitable[SecretStore]],
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._open_secrets = open_secrets
        self._random_bytes = random_bytes
        self._keys: dict[str, bytes] = {}
        self._current: str | None = None

    async def seal(self, plain: str, about: Sequence[str]) -> tuple[str, str]:
        """Return a text encrypted (base64), and the version of the key.

        Args:
            plain: The text.
            about: What it belongs to, such as tenant and connection: it opens for these only.

        Raises:
            UnavailableError: The secret store does not answer.
        """
        version = await self._current_version()
        nonce = self._random_bytes(_NONCE_BYTES)
        sealed = nonce + _cipher(self._keys[version]).encrypt(nonce, plain.encode(), _aad(about))
        return base64.b64encode(sealed).decode(), version

    async def open(self, sealed: str, key_version: str, about: Sequence[str]) -> str | None:
        """Return the text; None where it can't be read: another key, other surroundings, or damaged.

        Raises:
            UnavailableError: The secret store does not answer.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - takes 30 ms at a start

        key = await self._key(key_version)
        if key is None:
            return None
        try:
            whole = base64.b64decode(sealed, validate=True)
            opened = _cipher(key).decrypt(whole[:_NONCE_BYTES], whole[_NONCE_BYTES:], _aad(about))
        except (InvalidTag, ValueError, binascii.Error):
            return None
        return opened.decode()

    async def _current_version(self) -> str:
        if self._current is None:
            secrets = await self._open_secrets()
            try:
                stored = await secrets.get(KEY_NAME)
            except NotFoundError:
                await secrets.recover(KEY_NAME)
                made = base64.b64encode(self._random_bytes(_KEY_BYTES)).decode()
                await secrets.set(KEY_NAME, made, {"actor": "system"})
                stored = await secrets.get(KEY_NAME)
            self._keys[stored.properties.version] = base64.b64decode(stored.value)
            self._current = stored.properties.version
        return self._current

    async def _key(self, version: str) -> bytes | None:
        if version not in self._keys:
            try:
                stored = await (await self._open_secrets()).get(KEY_NAME, version)
            except (NotFoundError, ForbiddenError):
                return None
            self._keys[version] = base64.b64decode(stored.value)
        return self._keys[version]


def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - takes 30 ms at a start

    return AESGCM(key)


def _aad(about: Sequence[str]) -> bytes:
    return json.dumps(list(about)).encode()
