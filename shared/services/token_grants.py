"""Asking for access tokens, and keeping what the authorisation server changes by that.

A refresh token may be good for one request only, and using it twice can end the whole grant. So one process
at a time asks for an integration's token; it reads what is stored when its turn has come; and a new refresh
token is stored before anything uses the access token that came with it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from shared.domain.errors import ConfigurationError, StaleWriteError, UnavailableError
from shared.domain.integration import Integration
from shared.domain.provider import Provider
from shared.ports.clock import Clock
from shared.ports.token_source import TokenEndpoint
from shared.repositories.integrations import IntegrationRepository
from shared.resilience.lease import Leases
from shared.resilience.retry import Retry
from shared.services.credentials import CredentialVault
from shared.services.token_cache import HeldToken
from shared.telemetry.logs import get_logger

PATIENCE_SECONDS = 30.0
"""How long to wait for another process that asks for the same token: the time-out of its request."""

_REFRESH_TOKEN = "refreshToken"  # noqa: S105 - the credential's name
_TRIES = 5
_log = get_logger("tokens")


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, and where."""

    tenant_id: str
    integration_id: str
    provider: Provider
    endpoint: TokenEndpoint


class TokenGrants:
    """Asks for access tokens.

    Args:
        vault: Has the credentials.
        integrations: Say which version of them counts.
        leases: Let one process at a time use a refresh token.
        saving: Tries again to store a new refresh token, for longer than other things: it is the only one.
        clock: Time.
    """

    def __init__(
        self,
        vault: CredentialVault,
        integrations: IntegrationRepository,
        leases: Leases,
        saving: Retry,
        clock: Clock,
    ) -> None:
        self._vault = vault
        self._integrations = integrations
        self._leases = leases
        self._saving = saving
        self._clock = clock

    async def ask(self, client: Client) -> HeldToken:
        """Ask for a token with the credentials as they are stored now.

        Raises:
            What `TokenSource.token` does; LeaseHeldError when another process takes too long.
        """
        if not client.endpoint.consumes_refresh_token:
            return await self._request(client, await self._stored(client))
        name = f"token.{client.integration_id}"
        async with self._leases.hold(client.tenant_id, name, patience_seconds=PATIENCE_SECONDS) as lease:
            integration = await self._with_rotation(await self._stored(client))
            lease.check()
            return await self._request(client, integration)

    async def _stored(self, client: Client) -> Integration:
        integration = await self._integrations.find(client.tenant_id, client.integration_id)
        if integration is None:
            raise ConfigurationError("The integration was deleted.")
        return integration

    async def _with_rotation(self, integration: Integration) -> Integration:
        """Return the integration with the refresh token that a crash kept it from naming, if there is one."""
        version = await self._vault.unnamed_rotation(integration)
        return _still_there(await self._named(integration, version)) if version else integration

    async def _request(self, client: Client, integration: Integration) -> HeldToken:
        values = (await self._vault.of(integration, client.provider)).values
        asked_at = self._clock.monotonic()
        grant = await client.endpoint.request(values)
        rotated = grant.refresh_token
        if client.endpoint.consumes_refresh_token and rotated and rotated != values[_REFRESH_TOKEN]:
            changed = {**values, _REFRESH_TOKEN: rotated}
            version = await self._saving.call(lambda: self._vault.rotate(integration, changed))
            integration = _still_there(await self._saving.call(lambda: self._named(integration, version)))
        _log.info("A new access token", extra={"metadata": {"integrationId": integration.id}})
        return HeldToken.of(grant, integration.credential_version, asked_at)

    async def _named(self, integration: Integration, version: str) -> Integration | None:
        """Let the integration name this version of its secret; None when others have come between."""
        present: Integration | None = integration
        for _ in range(_TRIES):
            if present is None or present.credential_version not in {integration.credential_version, version}:
                return None
            if present.credential_version == version:
                return present
            with contextlib.suppress(StaleWriteError):
                return await self._integrations.replace(present.changed(credential_version=version))
            present = await self._integrations.find(integration.tenant_id, integration.id)
        raise UnavailableError("The integration is being changed by others just now; try again.")


def _still_there(integration: Integration | None) -> Integration:
    if integration is None:
        raise UnavailableError("The integration's credentials were replaced at this moment; try again.")
    return integration
