"""The access tokens that all instances share: encrypted in documents, and read back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.connection import Connection
from shared.domain.integration import Integration
from shared.domain.stored_token import UNKNOWN_LIFETIME_SECONDS, StoredToken
from shared.ports.clock import Clock
from shared.ports.token_source import AccessToken, TokenGrant
from shared.repositories.stored_tokens import StoredTokenRepository
from shared.services.sealing import Sealer
from shared.services.token_cache import HeldToken


@dataclass(frozen=True, slots=True)
class Present:
    """A connection and its integration as they are stored now."""

    connection: Connection
    integration: Integration

    @property
    def versions(self) -> str:
        """Of what an access token belongs to: another refresh token or other client credentials end it."""
        return f"{self.connection.secret_version}/{self.integration.credential_version}"


class SharedTokens:
    """Reads and writes them.

    Args:
        stored: Where they are.
        sealer: Encrypts them, each for its connection only.
        clock: Time.
    """

    def __init__(self, stored: StoredTokenRepository, sealer: Sealer, clock: Clock) -> None:
        self._stored = stored
        self._sealer = sealer
        self._clock = clock

    async def living(self, present: Present, rejected: AccessToken | None = None) -> HeldToken | None:
        """Return a connection's token if it belongs with what is stored now, lives, and is another one.

        Raises:
            UnavailableError: A store does not answer.
        """
        connection = present.connection
        stored = await self._stored.find(connection.tenant_id, connection.id)
        if stored is None or _versions(stored) != present.versions:
            return None
        value = await self._sealer.open(stored.sealed, stored.key_version, _about(connection))
        if value is None or AccessToken(value) == rejected:
            return None
        held = self._held(stored, value, present.versions)
        return held if self._clock.monotonic() < held.expires_at else None

    async def good(
        self, present: Present, rejected: AccessToken | None, at_least_seconds: float
    ) -> HeldToken | None:
        """Return what `living` does if it need not be renewed yet and lives that long."""
        held = await self.living(present, rejected)
        now = self._clock.monotonic()
        if held is None or now >= held.renew_at or held.expires_at - now < at_least_seconds:
            return None
        return held

    async def keep(self, present: Present, grant: TokenGrant, asked_at: datetime, fencing_token: int) -> None:
        """Store a token, unless one is stored that was asked for later, under a higher fencing token.

        Raises:
            UnavailableError: A store does not answer.
        """
        connection = present.connection
        sealed, key_version = await self._sealer.seal(grant.access_token.value, _about(connection))
        lifetime = grant.lifetime_seconds
        await self._stored.save(
            StoredToken(
                id=connection.id,
                tenant_id=connection.tenant_id,
                sealed=sealed,
                key_version=key_version,
                secret_version=connection.secret_version,
                client_version=present.integration.credential_version,
                fencing_token=fencing_token,
                issued_at=asked_at,
                expires_at=None if lifetime is None else asked_at + timedelta(seconds=lifetime),
                ttl=math.ceil(UNKNOWN_LIFETIME_SECONDS if lifetime is None else lifetime),
                created_at=asked_at,
                updated_at=self._clock.now(),
            )
        )

    def _held(self, stored: StoredToken, value: str, versions: str) -> HeldToken:
        age = (self._clock.now() - stored.issued_at).total_seconds()
        told = stored.expires_at
        lifetime = None if told is None else (told - stored.issued_at).total_seconds()
        return HeldToken.of(TokenGrant(AccessToken(value), lifetime), versions, self._clock.monotonic() - age)


def _versions(stored: StoredToken) -> str:
    return f"{stored.secret_version}/{stored.client_version}"


def _about(connection: Connection) -> tuple[str, str]:
    return connection.tenant_id, connection.id
