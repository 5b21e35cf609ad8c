"""Refresh tokens that somebody enters, instead of connecting in a browser."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import get_args

from shared.domain.connection import (
    AuthKind,
    Connection,
    ConnectionStatus,
    connection_id,
    token_lease,
)
from shared.domain.errors import AlreadyExistsError, InvalidRequestError, StaleWriteError, UnavailableError
from shared.domain.integration import Integration
from shared.domain.provider import Provider
from shared.ports.adapter import AdapterSource
from shared.ports.clock import Clock
from shared.repositories.connections import ConnectionRepository
from shared.repositories.stored_tokens import StoredTokenRepository
from shared.resilience.lease import Leases
from shared.services.grant_vault import GrantVault

PATIENCE_SECONDS = 30.0
"""How long to wait for a refresh that is under way: the time-out of its request."""

_TRIES = 5


class EnteredGrants:
    """Makes a refresh token that was got elsewhere the tenant's connection.

    Args:
        connections, tokens: Where the documents are.
        vault: Keeps refresh tokens.
        adapters: Tell how a provider is signed in to.
        leases: Keep a refresh of the former token apart.
        clock: Time.
    """

    def __init__(
        self,
        connections: ConnectionRepository,
        tokens: StoredTokenRepository,
        vault: GrantVault,
        adapters: AdapterSource,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._tokens = tokens
        self._vault = vault
        self._adapters = adapters
        self._leases = leases
        self._clock = clock

    async def adopt(
        self, integration: Integration, provider: Provider, refresh_token: str, actor: str
    ) -> Connection:
        """Store a refresh token as the tenant's connection, and forget the access token of the one before.

        Raises:
            LeaseHeldError: A refresh of the former token takes too long.
            UnavailableError: The stores don't answer, or others write all the time; do it again.
        """
        key = connection_id(integration.id)
        name = token_lease(key)
        async with self._leases.hold(integration.tenant_id, name, patience_seconds=PATIENCE_SECONDS) as lease:
            found = await self._connections.find(integration.tenant_id, key)
            connection = found or self._new(integration, provider)
            secret_name, version = await self._vault.put(connection, refresh_token, actor)
            granted = {
                "secret_name": secret_name,
                "secret_version": version,
                "client_version": integration.credential_version,
                "fencing_token": lease.fencing_token,
            }
            connected = await self._connected(connection, granted)
            await self._tokens.delete(integration.tenant_id, key)
        return connected

    def _new(self, integration: Integration, provider: Provider) -> Connection:
        now = self._clock.now()
        return Connection(
            id=connection_id(integration.id),
            tenant_id=integration.tenant_id,
            integration_id=integration.id,
            provider_id=provider.id,
            provider_category=provider.category,
            auth_kind=_auth_kind(self._adapters.auth_kind(provider)),
            connected_at=now,
            created_at=now,
            updated_at=now,
        )

    async def _connected(self, connection: Connection, granted: Mapping[str, object]) -> Connection:
        now = self._clock.now()
        changes = {
            **granted,
            "status": ConnectionStatus.ACTIVE,
            "expires_at": None,
            "refresh": None,
            "failure": None,
            "consent": None,
            "scopes_granted": None,
            "connected_at": now,
            "disconnected_at": None,
            "revoked_at_provider": None,
            "updated_at": now,
        }
        for _ in range(_TRIES):
            with contextlib.suppress(StaleWriteError, AlreadyExistsError):
                changed = connection.changed(**changes)
                if connection.etag is None:
                    return await self._connections.create(changed)
                return await self._connections.replace(changed)
            connection = await self._connections.get(connection.tenant_id, connection.id)
        raise UnavailableError("The connection is being changed by others just now; try again.")


def _auth_kind(kind: str) -> AuthKind:
    if kind not in get_args(AuthKind):
        raise InvalidRequestError("The provider is not signed in to by tokens.")
    return kind  # type: ignore[return-value]  # it is among them
