"""Ending connections: the tokens are given back where the provider has a way to, and deleted here."""

from __future__ import annotations

import contextlib

from shared.domain.connection import Connection, ConnectionStatus, token_lease
from shared.domain.errors import CredentialsRejectedError, IntegrationError, StaleWriteError, UnavailableError
from shared.ports.adapter import AdapterSource
from shared.ports.clock import Clock
from shared.repositories.connections import ConnectionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.providers import ProviderRepository
from shared.repositories.stored_tokens import StoredTokenRepository
from shared.resilience.lease import Leases
from shared.services.credentials import CredentialVault
from shared.services.grant_vault import GrantVault
from shared.services.token_refresh import PATIENCE_SECONDS
from shared.telemetry.logs import get_logger

_TRIES = 5
_log = get_logger("connect")


class Disconnect:
    """Ends connections. Their documents stay, as evidence of what was allowed and when that ended.

    Args:
        connections, tokens, integrations, providers: Where the documents are.
        grants: Has the refresh tokens.
        vault: Has the client's credentials.
        adapters: Know where tokens are given back.
        leases: Keep this apart from refreshes.
        clock: Time.
    """

    def __init__(
        self,
        *,
        connections: ConnectionRepository,
        tokens: StoredTokenRepository,
        integrations: IntegrationRepository,
        providers: ProviderRepository,
        grants: GrantVault,
        vault: CredentialVault,
        adapters: AdapterSource,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._tokens = tokens
        self._integrations = integrations
        self._providers = providers
        self._grants = grants
        self._vault = vault
        self._adapters = adapters
        self._leases = leases
        self._clock = clock

    async def run(self, tenant_id: str, connection_id: str, actor: str) -> None:
        """End a connection. Idempotent: what a crash has left is done by the next call.

        The provider is asked once to take the refresh token back; that it does not answer keeps nobody
        connected here.

        Raises:
            LeaseHeldError: A refresh takes too long.
            UnavailableError: A store does not answer, or others write to the connection all the time.
        """
        name = token_lease(connection_id)
        async with self._leases.hold(tenant_id, name, patience_seconds=PATIENCE_SECONDS):
            found = await self._connections.find(tenant_id, connection_id)
            if found is None:
                return
            if found.status is not ConnectionStatus.DISCONNECTED:
                found = await self._changed(
                    found, status=ConnectionStatus.DISCONNECTED, disconnected_at=self._clock.now()
                )
            if found.secret_name is not None:
                taken_back = await self._given_back(found)
                await self._grants.delete(found)
                found = await self._changed(
                    found, secret_name=None, secret_version=None, revoked_at_provider=taken_back
                )
            await self._tokens.delete(tenant_id, connection_id)
        _log.info(
            "A connection was ended", extra={"metadata": {"connectionId": connection_id, "actor": actor}}
        )

    async def _given_back(self, connection: Connection) -> bool:
        try:
            token = await self._grants.get(connection)
            integration = await self._integrations.find(connection.tenant_id, connection.integration_id)
            if integration is None:
                return False
            provider = await self._providers.get(connection.provider_category, connection.provider_id)
            endpoint = self._adapters.token_endpoint(provider, integration)
            if endpoint is None:
                return False
            client = (await self._vault.of(integration, provider)).values
            return await endpoint.revoke(client, token)
        except CredentialsRejectedError:
            return False  # it is gone already
        except IntegrationError as error:
            _log.warning("The provider did not take a refresh token back", exc_info=error)
            return False

    async def _changed(self, connection: Connection, **changes: object) -> Connection:
        for _ in range(_TRIES):
            changed = connection.changed(**changes, refresh=None, failure=None, updated_at=self._clock.now())
            with contextlib.suppress(StaleWriteError):
                return await self._connections.replace(changed)
            connection = await self._connections.get(connection.tenant_id, connection.id)
        raise UnavailableError("The connection is being changed by others just now; try again.")
