"""The first half of connecting: a person's browser is sent to the provider (RFC 6749, 4.1.1)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from shared.domain.caller import Caller, Role
from shared.domain.errors import CredentialsRejectedError, ForbiddenError, InvalidStateError
from shared.domain.integration import Integration
from shared.domain.oauth_state import LIFETIME_SECONDS, OAuthState, state_id
from shared.domain.provider import Provider
from shared.ports.adapter import AdapterSource
from shared.ports.clock import Clock
from shared.ports.token_source import AuthorizationEndpoint
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.oauth_states import OAuthStateRepository
from shared.repositories.providers import ProviderRepository
from shared.services.credentials import CredentialVault
from shared.services.sealing import Sealer

_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send the browser, and the cookie that it has to bring back. The repr shows neither.

    Attributes:
        cookie_name, cookie_value: For `/api/oauth/callback` only.
    """

    authorization_url: str = field(repr=False)
    cookie_name: str
    cookie_value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConnectStores:
    """What connecting reads and writes."""

    integrations: IntegrationRepository
    providers: ProviderRepository
    states: OAuthStateRepository


class ConnectFlow:
    """Begins flows. Each has a state that is good once, for ten minutes, and for the browser that began.

    Args:
        stores: The documents.
        vault: Has the client's id.
        adapters: Know where a provider lets people in.
        sealer: Encrypts the PKCE verifier.
        callback_url: Where providers send browsers back to; None where this app has no public address.
        random_bytes: Gives so many random bytes, fit for secrets.
        clock: Time.
    """

    def __init__(
        self,
        stores: ConnectStores,
        vault: CredentialVault,
        adapters: AdapterSource,
        sealer: Sealer,
        callback_url: str | None,
        random_bytes: Callable[[int], bytes],
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._vault = vault
        self._adapters = adapters
        self._sealer = sealer
        self._callback_url = callback_url
        self._random_bytes = random_bytes
        self._clock = clock

    async def begin(self, caller: Caller, tenant_id: str, integration_id: str, purpose: str) -> Started:
        """Begin a flow: a tenant admin's connects the tenant, a user's the user.

        Args:
            caller: Who wants to connect.
            tenant_id: The caller's tenant.
            integration_id: What to connect.
            purpose: What the access is for; it becomes part of the consent.

        Raises:
            NotFoundError: The tenant has no such integration.
            ForbiddenError: Users don't connect this integration themselves.
            InvalidStateError: The provider is not signed in to like that, or something is not set yet.
        """
        integration = await self._stores.integrations.get(tenant_id, integration_id)
        for_user = _is_for_user(caller, integration)
        provider = await self._stores.providers.get(integration.provider_category, integration.provider_id)
        endpoint = self._endpoint(provider, integration)
        redirect_uri = self._redirect_uri()
        client_id = await self._client_id(integration, provider)
        state, browser = self._random_text(), self._random_text()
        request = endpoint.begin(client_id, redirect_uri, state)
        key, now = state_id(state), self._clock.now()
        sealed, key_version = (None, None)
        if request.verifier is not None:
            sealed, key_version = await self._sealer.seal(request.verifier, (tenant_id, key))
        await self._stores.states.create(
            OAuthState(
                id=key,
                state=key,
                tenant_id=tenant_id,
                user_id=caller.user_id,
                integration_id=integration_id,
                for_user=for_user,
                browser_hash=browser_hash(browser),
                sealed_verifier=sealed,
                key_version=key_version,
                redirect_uri=redirect_uri,
                purpose=purpose,
                scopes=endpoint.scopes,
                client_version=integration.credential_version,
                expires_at=now + timedelta(seconds=LIFETIME_SECONDS),
                created_at=now,
                updated_at=now,
            )
        )
        return Started(request.url, cookie_name(key), browser)

    def _endpoint(self, provider: Provider, integration: Integration) -> AuthorizationEndpoint:
        endpoint = self._adapters.authorization_endpoint(provider, integration)
        if endpoint is None:
            raise InvalidStateError(
                f"Nobody signs in to {provider.display_name} in a browser:"
                f" PUT /api/integrations/{integration.id}/credentials instead."
            )
        return endpoint

    def _redirect_uri(self) -> str:
        if self._callback_url is None:
            raise InvalidStateError(
                "The app does not know where browsers reach it: set INTEGRATIONS_PUBLIC_URL."
            )
        return self._callback_url

    async def _client_id(self, integration: Integration, provider: Provider) -> str:
        try:
            return (await self._vault.of(integration, provider)).values["clientId"]
        except CredentialsRejectedError:
            raise InvalidStateError(
                "The client's id and secret are not there yet:"
                f" PUT /api/integrations/{integration.id}/credentials first."
            ) from None

    def _random_text(self) -> str:
        return base64.urlsafe_b64encode(self._random_bytes(_RANDOM_BYTES)).decode().rstrip("=")


def cookie_name(key: str) -> str:
    """Return the name of a flow's cookie: each has its own, so that two in one browser don't meet."""
    return f"connect-{key[:16]}"


def browser_hash(value: str) -> str:
    """Return what is stored of a cookie's value."""
    return hashlib.sha256(value.encode()).hexdigest()


def _is_for_user(caller: Caller, integration: Integration) -> bool:
    if Role.TENANT_ADMIN in caller.roles:
        return False
    if not integration.user_scoped:
        raise ForbiddenError("This integration is connected by a tenant admin, for everybody.")
    return True
