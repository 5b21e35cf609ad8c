"""Tokens of one laptop: signed and verified with a key that never leaves the data folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from shared.backends.embedded.durable_files import (
    file_lock,
    make_folder,
    read_private_file,
    replace_file,
)
from shared.backends.token_claims import ClaimRules
from shared.domain.caller import Role
from shared.domain.errors import ConfigurationError
from shared.ports.clock import Clock

ALGORITHM = "ES256"
"""ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4)."""


class LocalIdentity:
    """Issues tokens and verifies them (`TokenVerifier`); `open` makes one."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, rules: ClaimRules) -> None:
        self._key = key
        self._public_key = key.public_key()
        self._rules = rules

    @classmethod
    def open(cls, folder: Path, clock: Clock, *, issuer: str, audience: str) -> Self:
        """Load the key from `identity-key.pem`, and make it at the first start.

        Blocks, for the time of reading a small file: an event loop should call it in a thread.

        Args:
            folder: The data folder; made if missing.
            clock: Time, for issuing and for verifying.
            issuer: The `iss` of every token.
            audience: The `aud` of every token.

        Raises:
            ConfigurationError: The file can't be used, holds no key for ES256, or others may read it.
        """
        try:
            key = _load_key(folder)
        except OSError as error:
            raise ConfigurationError(
                f"the identity's key can't be kept in the data folder: {error}"
            ) from error
        return cls(key, ClaimRules(issuer, audience, clock))

    def issue(self, subject: str, tenant_id: str | None, roles: Iterable[Role], lifetime_seconds: int) -> str:
        """Return a signed token for a user; `tenant_id` is None for a super admin or service of no tenant."""
        issued_at = int(self._rules.clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self._rules.issuer,
            "aud": self._rules.audience,
            "sub": subject,
            "roles": [str(role) for role in roles],
            "iat": issued_at,
            "exp": issued_at + lifetime_seconds,
        }
        if tenant_id is not None:
            claims["tenantId"] = tenant_id
        return jwt.encode(claims, self._key, ALGORITHM)

    async def verify(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that this key signed (see `TokenVerifier.verify`)."""
        return self._rules.verify(token, self._public_key, [ALGORITHM])


def _load_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    make_folder(folder)
    path = folder / "identity-key.pem"
    # Two processes that start at once take turns, so that the second finds the first one's key.
    with file_lock(folder / "identity-key.lock"):
        pem = read_private_file(path)
        if pem is None:
            pem = _new_key()
            replace_file(path, pem)
    return _parse_key(pem, path)


def _new_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _parse_key(pem: bytes, path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):  # TypeError: it is encrypted
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ConfigurationError(
            f"{path} does not hold a private key on P-256: restore it, or remove it for a new one"
        )
    return key
