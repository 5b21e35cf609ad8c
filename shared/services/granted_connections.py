"""Storing what a grant brings: the refresh token in its secret, and the connection that names it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.connection import Connection, ConnectionStatus, Consent
from shared.domain.errors import (
    AlreadyExistsError,
    IntegrationError,
    StaleWriteError,
    UnavailableError,
)
from shared.ports.clock import Clock
from shared.repositories.connections import ConnectionRepository
from shared.resilience.retry import Retry
from shared.services.connection_states import ConnectionStates
from shared.services.grant_vault import GrantVault
from shared.telemetry.logs import get_logger

_TRIES = 5
_log = get_logger("connect")


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
        saving: Tries again for long: what a provider has given may not come a second time.
        clock: Time.
    """

    def __init__(
        self,
        connections: ConnectionRepository,
        grants: GrantVault,
        states: ConnectionStates,
        saving: Retry,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._grants = grants
        self._states = states
        self._saving = saving
        self._clock = clock

    async def store(self, base: Connection, granted: Granted, fencing_token: int) -> Connection:
        """Store a grant, the refresh token first. The former one is good until the connection names this one.

        Args:
            base: The connection as stored, or a new one.
            granted: The grant.
            fencing_token: Of the lease.

        Raises:
            UnavailableError: A store does not answer, or somebody else has written to the connection.
        """
        name, version = (None, None)
        token = granted.refresh_token
        if token is not None:
            name, version = await self._saving.call(lambda: self._grants.put(base, token, granted.actor))
        now = self._clock.now()
        changed = base.changed(
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
        stored = await self._saving.call(lambda: self._stored(changed))
        await self._states.connected(stored)
        await self._tidy(stored)
        return stored

    async def _tidy(self, connection: Connection) -> None:
        """Disable former grants. What fails is done by the next connect or disconnect."""
        try:
            await self._grants.keep_only_named(connection)
        except IntegrationError as error:
            _log.warning("Former refresh tokens could not be disabled yet", exc_info=error)

    async def _stored(self, connection: Connection) -> Connection:
        """Write over whatever is there: a grant counts more than a note about the one before it."""
        for _ in range(_TRIES):
            with contextlib.suppress(AlreadyExistsError, StaleWriteError):
                if connection.etag is None:
                    return await self._connections.create(connection)
                return await self._connections.replace(connection)
            present = await self._connections.find(connection.tenant_id, connection.id)
            if present and present.secret_version and present.secret_version == connection.secret_version:
                return present  # it was written, and the answer was lost
            connection = connection.changed(etag=present.etag if present else None)
        raise UnavailableError("The connection is being changed by others just now; try again.")
