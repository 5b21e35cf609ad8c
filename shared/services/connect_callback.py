"""The second half of connecting: the browser is back, with a code or with the provider's refusal."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from shared.domain.connection import AuthKind, Connection, Consent, connection_id, token_lease
from shared.domain.errors import (
    CredentialsRejectedError,
    ForbiddenError,
    IntegrationError,
    InvalidStateError,
    MalformedRequestError,
    ProviderContractError,
)
from shared.domain.integration import Integration
from shared.domain.oauth_state import OAuthState
from shared.domain.provider import Provider
from shared.ports.adapter import AdapterSource
from shared.ports.clock import Clock
from shared.ports.token_source import TokenGrant
from shared.repositories.connections import ConnectionRepository
from shared.resilience.lease import Lease, Leases
from shared.services.background import Undertakings
from shared.services.connect_flow import ConnectStores, browser_hash, cookie_name
from shared.services.connection_lookup import new_connection
from shared.services.credentials import CredentialVault
from shared.services.disconnect import Disconnect
from shared.services.granted_connections import Granted, GrantedConnections
from shared.services.sealing import Sealer
from shared.services.shared_tokens import Present, SharedTokens
from shared.services.token_refresh import PATIENCE_SECONDS
from shared.telemetry.logs import get_logger

_STATE = re.compile(r"[A-Za-z0-9_-]{20,100}")
_ERROR_CODE = re.compile(r"[a-z_]{1,64}")
_log = get_logger("connect")


@dataclass(frozen=True, slots=True)
class CallbackQuery:
    """What the provider has put into the browser's address (RFC 6749, 4.1.2). The repr shows no code."""

    state: str | None
    code: str | None = field(default=None, repr=False)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Flow:
    """A flow, with what it is about as it is stored now."""

    state: OAuthState
    integration: Integration
    provider: Provider


class ConnectCallback:
    """Finishes flows. What the code has been exchanged for is stored, even if the browser hangs up.

    Args:
        stores: The documents of flows, integrations and providers.
        connections: The connections' documents.
        vault: Has the client's credentials.
        adapters: Know where codes are exchanged.
        sealer: Decrypts the PKCE verifier.
        granted: Stores the grant.
        tokens: Share the access token.
        disconnect: Ends what came too late.
        leases: Keep this apart from refreshes.
        clock: Time.
    """

    def __init__(
        self,
        *,
        stores: ConnectStores,
        connections: ConnectionRepository,
        vault: CredentialVault,
        adapters: AdapterSource,
        sealer: Sealer,
        granted: GrantedConnections,
        tokens: SharedTokens,
        disconnect: Disconnect,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._connections = connections
        self._vault = vault
        self._adapters = adapters
        self._sealer = sealer
        self._granted = granted
        self._tokens = tokens
        self._disconnect = disconnect
        self._leases = leases
        self._clock = clock
        self._undertakings = Undertakings()

    async def finish(self, query: CallbackQuery, cookies: Mapping[str, str]) -> Connection:
        """Exchange a code and store the connection.

        The cookie is looked at before the state is used up: who only knows the address can't spoil the flow.

        Raises:
            MalformedRequestError: There is no state or no code, or they are none.
            InvalidStateError: The state is unknown, used or too old; the provider or the person said no; the
                client's credentials were changed meanwhile.
            ForbiddenError: Another browser has begun.
            ConfigurationError, ProviderContractError, RetryableError: As the exchange raises them.
        """
        state = await self._state(query, cookies)
        if query.error is not None:
            await self._stores.states.take(state)
            raise InvalidStateError(_refusal(query.error))
        if not query.code or len(query.code) > 4000:  # noqa: PLR2004 - far more than any server sends
            raise MalformedRequestError("The provider sent no code; begin again.")
        flow = await self._flow(state)
        verifier = await self._verifier(state)
        if not await self._stores.states.take(state):
            raise InvalidStateError(_OVER)
        return await self._undertakings.carry_out(self._connect(flow, query.code, verifier), "connect")

    async def close(self) -> None:
        """Wait until what has begun is stored."""
        await self._undertakings.settle()

    async def _state(self, query: CallbackQuery, cookies: Mapping[str, str]) -> OAuthState:
        if query.state is None or not _STATE.fullmatch(query.state):
            raise MalformedRequestError("The address has no state of ours; begin again.")
        found = await self._stores.states.find(query.state)
        if found is None or found.expires_at <= self._clock.now():
            raise InvalidStateError(_OVER)
        brought = browser_hash(cookies.get(cookie_name(found.id), ""))
        if not hmac.compare_digest(brought, found.browser_hash):
            raise ForbiddenError("Another browser has begun this; finish it there, or begin again here.")
        return found

    async def _flow(self, state: OAuthState) -> _Flow:
        integration = await self._stores.integrations.find(state.tenant_id, state.integration_id)
        if integration is None:
            raise InvalidStateError("The integration was deleted meanwhile.")
        if state.for_user and not integration.user_scoped:
            raise InvalidStateError("Users no longer connect this integration themselves.")
        if integration.credential_version != state.client_version:
            raise InvalidStateError("The client's credentials were changed meanwhile; begin again.")
        provider = await self._stores.providers.get(integration.provider_category, integration.provider_id)
        return _Flow(state, integration, provider)

    async def _verifier(self, state: OAuthState) -> str | None:
        if state.sealed_verifier is None or state.key_version is None:
            return None
        opened = await self._sealer.open(
            state.sealed_verifier, state.key_version, (state.tenant_id, state.id)
        )
        if opened is None:
            raise InvalidStateError(_OVER)
        return opened

    async def _connect(self, flow: _Flow, code: str, verifier: str | None) -> Connection:
        user_id = flow.state.user_id if flow.state.for_user else None
        tenant_id, key = flow.state.tenant_id, connection_id(flow.integration.id, user_id)
        name = token_lease(key)
        async with self._leases.hold(tenant_id, name, patience_seconds=PATIENCE_SECONDS) as lease:
            kind = cast("AuthKind", self._adapters.auth_kind(flow.provider))
            present = await self._connections.find(tenant_id, key)
            base = present or new_connection(flow.integration, kind, user_id, self._clock.now())
            client = (await self._vault.of(flow.integration, flow.provider)).values
            lease.check()
            asked_at = self._clock.now()
            grant = await self._exchanged(flow, client, code, verifier)
            lifetime = grant.lifetime_seconds
            granted = Granted(
                actor=flow.state.user_id,
                refresh_token=grant.refresh_token,
                client_version=flow.integration.credential_version,
                scopes_asked=flow.state.scopes,
                scopes_granted=grant.scopes,
                consent=self._consent(flow.state, grant),
                expires_at=None if lifetime is None else asked_at + timedelta(seconds=lifetime),
            )
            stored = await self._granted.store(base, granted, lease.fencing_token)
            await self._share(Present(stored, flow.integration), grant, asked_at, lease)
        await self._require_integration(stored, flow.state.user_id)
        self._log_connected(stored, lease)
        return stored

    async def _share(self, present: Present, grant: TokenGrant, asked_at: datetime, lease: Lease) -> None:
        """Share the access token. Failing to costs a refresh, and nobody the connection."""
        try:
            await self._tokens.keep(present, grant, asked_at, lease.fencing_token)
        except IntegrationError as error:
            _log.warning("An access token could not be shared", exc_info=error)

    async def _require_integration(self, connection: Connection, actor: str) -> None:
        """End the connection again where its integration was deleted while the provider was asked."""
        tenant_id = connection.tenant_id
        if await self._stores.integrations.find(tenant_id, connection.integration_id) is None:
            await self._disconnect.run(tenant_id, connection.id, actor)
            raise InvalidStateError("The integration was deleted meanwhile.")

    async def _exchanged(
        self, flow: _Flow, client: Mapping[str, str], code: str, verifier: str | None
    ) -> TokenGrant:
        endpoint = self._adapters.authorization_endpoint(flow.provider, flow.integration)
        if endpoint is None:
            raise InvalidStateError("The provider's document was changed meanwhile; begin again.")
        try:
            grant = await endpoint.exchange(client, code, flow.state.redirect_uri, verifier)
        except CredentialsRejectedError:
            raise InvalidStateError(
                "The provider does not accept the code: it was used before, or is too old. Begin again."
            ) from None
        if grant.refresh_token is None:
            raise ProviderContractError(
                "The provider gave no refresh token, without which the connection would end with its first"
                " access token: ask for offline access in the provider's document (`scopes`,"
                " `authorizationParameters`)."
            )
        return grant

    def _consent(self, state: OAuthState, grant: TokenGrant) -> Consent:
        scopes = state.scopes if grant.scopes is None else grant.scopes
        return Consent(user_id=state.user_id, at=self._clock.now(), purpose=state.purpose, scopes=scopes)

    def _log_connected(self, connection: Connection, lease: Lease) -> None:
        _log.info(
            "A connection was made",
            extra={"metadata": {"connectionId": connection.id, "fencingToken": lease.fencing_token}},
        )


_OVER = "This was begun more than ten minutes ago, or is finished already; begin again."


def _refusal(error: str) -> str:
    code = error if _ERROR_CODE.fullmatch(error) else "an unknown reason"
    if code == "access_denied":
        return "Access was not allowed at the provider (access_denied). Nothing was connected."
    return f"The provider refused: {code}. Nothing was connected."
