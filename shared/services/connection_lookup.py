"""Finding the connection that an integration signs in with, and making the tenant's where nobody has to."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import cast

from shared.domain.connection import AuthKind, Connection, ConnectionStatus, connection_id, token_lease
from shared.domain.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    StaleWriteError,
    UnavailableError,
)
from shared.domain.integration import Integration
from shared.domain.provider import Provider
from shared.ports.adapter import AdapterSource
from shared.ports.clock import Clock
from shared.repositories.connections import ConnectionRepository
from shared.resilience.lease import Leases
from shared.services.grant_vault import SYSTEM
from shared.services.granted_connections import Granted, GrantedConnections
from shared.services.token_refresh import PATIENCE_SECONDS

_BY_A_PERSON = "oauth2AuthorizationCode"
_OVER = frozenset({ConnectionStatus.REVOKED, ConnectionStatus.DISCONNECTED})
_TRIES = 5


class ConnectionLookup:
    """Connections by their integrations.

    Args:
        granted: Stores grants.
        connections: The documents.
        adapters: Know how a provider's integrations sign in.
        leases: Keep this apart from refreshes.
        clock: Time.
    """

    def __init__(
        self,
        *,
        granted: GrantedConnections,
        connections: ConnectionRepository,
        adapters: AdapterSource,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._granted = granted
        self._connections = connections
        self._adapters = adapters
        self._leases = leases
        self._clock = clock

    async def of(
        self, integration: Integration, provider: Provider, user_id: str | None = None
    ) -> Connection:
        """Return the tenant's connection, or a user's.

        The tenant's is made at its first use where no person has to sign in.

        Raises:
            CredentialsRejectedError: There is none yet: somebody has to connect, or to set credentials.
            UnavailableError: A store does not answer.
        """
        found = await self._connections.find(integration.tenant_id, connection_id(integration.id, user_id))
        if found:
            return await self._with_new_credentials(found, integration)
        if user_id is not None:
            raise CredentialsRejectedError("You are not connected to this integration; connect first.")
        if self._kind(provider) == _BY_A_PERSON:
            raise CredentialsRejectedError("The integration is not connected; connect it first.")
        return await self._entered(integration, provider, None, SYSTEM, only_first=True)

    async def enter(
        self, integration: Integration, provider: Provider, refresh_token: str, actor: str
    ) -> Connection:
        """Let the tenant's connection go on with a refresh token that somebody has entered.

        Args:
            integration: As stored, with the client's credentials that the token belongs to.
            provider: Its provider.
            refresh_token: From elsewhere; never one that this app has used before.
            actor: Who has entered it.

        Raises:
            LeaseHeldError: A refresh of the former one takes too long.
            UnavailableError: A store does not answer.
        """
        return await self._entered(integration, provider, refresh_token, actor)

    async def _entered(
        self,
        integration: Integration,
        provider: Provider,
        token: str | None,
        actor: str,
        *,
        only_first: bool = False,
    ) -> Connection:
        """Store a refresh token and the connection, under the lease: none may be disabled that is in use."""
        tenant_id, key = integration.tenant_id, connection_id(integration.id)
        async with self._leases.hold(tenant_id, token_lease(key), patience_seconds=PATIENCE_SECONDS) as lease:
            present = await self._connections.find(tenant_id, key)
            if present and only_first:
                return present
            base = present or new_connection(integration, self._kind(provider), None, self._clock.now())
            granted = Granted(actor, token, integration.credential_version)
            return await self._granted.store(base, granted, lease.fencing_token)

    async def _with_new_credentials(self, found: Connection, integration: Integration) -> Connection:
        """Let a connection without a grant begin anew once it has other credentials than those refused."""
        present: Connection | None = found
        for _ in range(_TRIES):
            if present is None:
                raise ConfigurationError("The connection was deleted; connect the integration again.")
            is_as_refused = present.client_version == integration.credential_version
            if present.auth_kind == _BY_A_PERSON or present.status not in _OVER or is_as_refused:
                return present
            with contextlib.suppress(StaleWriteError):
                return await self._connections.replace(
                    present.changed(
                        status=ConnectionStatus.ACTIVE, failure=None, updated_at=self._clock.now()
                    )
                )
            present = await self._connections.find(present.tenant_id, present.id)
        raise UnavailableError("The connection is being changed by others just now; try again.")

    def _kind(self, provider: Provider) -> AuthKind:
        return cast("AuthKind", self._adapters.auth_kind(provider))


def new_connection(
    integration: Integration, kind: AuthKind, user_id: str | None, now: datetime
) -> Connection:
    """Return a connection that is not stored yet, the tenant's or a user's."""
    return Connection(
        id=connection_id(integration.id, user_id),
        tenant_id=integration.tenant_id,
        integration_id=integration.id,
        provider_id=integration.provider_id,
        provider_category=integration.provider_category,
        user_id=user_id,
        auth_kind=kind,
        connected_at=now,
        created_at=now,
        updated_at=now,
    )
