"""Storing what a grant brings: the refresh token in its secret, and the connection that names it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.connection import Connection, ConnectionStatus, Consent
from shared.domain.errors import AlreadyExistsError, StaleWriteError, UnavailableError
from shared.ports.clock import Clock
from shared.repositories.connections import ConnectionRepository
from shared.services.connection_states import ConnectionStates
from shared.services.grant_vault import GrantVault


@dataclass(frozen=True, slots=True)
class Granted:
    """What a connection goes on with. The repr shows no token.

    Attributes:
        actor: Who brought it.
        refresh_token: None where the provider's grants need none.
        client_version: Of the integration's credentials that it belongs to.
        scopes_asked, scopes_granted, consent: As in the connection.
        expires_at: The access token's, where one came along and it is known.
    """

    actor: str
    refresh_token: str | None = field(repr=False)
    client_version: str | None
    scopes_asked: tuple[str, ...] = ()
    scopes_granted: tuple[str, ...] | None = None
    consent: Consent | None = None
    expires_at: datetime | None = None


class GrantedConnections:
    """Stores grants. The caller holds the connection's lease, so that no refresh token in use is disabled.

    Args:
        connections: The documents.
        grants: Keeps refresh tokens.
        states: Told that there is a good connection.
        clock: Time.
    """

    def __init__(
        self, connections: ConnectionRepository, grants: GrantVault, states: ConnectionStates, clock: Clock
    ) -> None:
        self._connections = connections
        self._grants = grants
        self._states = states
        self._clock = clock

    async def store(self, base: Connection, granted: Granted, fencing_token: int) -> Connection:
        """Store a grant, the refresh token first.

        Args:
            base: The connection as stored, or a new one.
            granted: The grant.
            fencing_token: Of the lease.

        Raises:
            UnavailableError: A store does not answer, or somebody else has written to the connection.
        """
        name, version = (None, None)
        if granted.refresh_token is not None:
            name, version = await self._grants.put(base, granted.refresh_token, granted.actor)
        now = self._clock.now()
        stored = await self._stored(
            base.changed(
                status=ConnectionStatus.ACTIVE,
                secret_name=name,
                secret_version=version,
                client_version=granted.client_version,
                scopes_asked=granted.scopes_asked,
                scopes_granted=granted.scopes_granted,
                consent=granted.consent,
                expires_at=granted.expires_at,
                refresh=None,
                fencing_token=fencing_token,
                failure=None,
                connected_at=now,
                disconnected_at=None,
                revoked_at_provider=None,
                updated_at=now,
            )
        )
        await self._states.connected(stored)
        return stored

    async def _stored(self, connection: Connection) -> Connection:
        try:
            if connection.etag is None:
                return await self._connections.create(connection)
            return await self._connections.replace(connection)
        except (AlreadyExistsError, StaleWriteError):
            raise UnavailableError(
                "The connection was changed by somebody else just now; try again."
            ) from None
