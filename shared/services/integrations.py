"""Configuring integrations: what a tenant admin does."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import ValidationError

from shared.domain.errors import (
    AlreadyExistsError,
    ConfigurationError,
    InvalidRequestError,
    InvalidStateError,
    NotFoundError,
    Problem,
    StaleWriteError,
    UnavailableError,
)
from shared.domain.integration import Integration, IntegrationSettings, IntegrationStatus
from shared.domain.model import Id
from shared.domain.provider import Provider, ProviderStatus
from shared.domain.schedule import next_full_time, next_time
from shared.domain.validation import to_problems
from shared.ports.adapter import AdapterSource
from shared.ports.clock import Clock
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.model_repository import ModelPage
from shared.repositories.providers import ProviderRepository
from shared.services.connection_lookup import ConnectionLookup
from shared.services.credentials import REFRESH_TOKEN, CredentialVault, CredentialVersion

_TRIES = 5


class NewIntegration(IntegrationSettings):
    """A request to enable a provider."""

    provider_id: Id


class Integrations:
    """A tenant's integrations. An `etag`, where given, must be the stored version's revision."""

    def __init__(
        self,
        integrations: IntegrationRepository,
        providers: ProviderRepository,
        adapters: AdapterSource,
        vault: CredentialVault,
        lookup: ConnectionLookup,
        clock: Clock,
    ) -> None:
        self._integrations = integrations
        self._providers = providers
        self._adapters = adapters
        self._vault = vault
        self._lookup = lookup
        self._clock = clock

    async def get(self, tenant_id: str, integration_id: str) -> Integration:
        """Return one integration. Raises NotFoundError."""
        return await self._integrations.get(tenant_id, integration_id)

    async def page(self, tenant_id: str, limit: int, continuation: str | None) -> ModelPage[Integration]:
        """Return one page of the tenant's integrations, by id."""
        return await self._integrations.page(tenant_id, limit, continuation)

    async def create(self, tenant_id: str, request: NewIntegration, integration_id: str) -> Integration:
        """Enable a provider for a tenant; the integration starts disabled.

        `integration_id` is made for this request: where it is taken, an attempt before a crash took it.

        Raises:
            InvalidRequestError: The provider is not there for the tenant, or the settings don't fit it.
        """
        provider = await self._provider_for(tenant_id, request.provider_id)
        now = self._clock.now()
        integration = Integration(
            id=integration_id,
            tenant_id=tenant_id,
            provider_category=provider.category,
            created_at=now,
            updated_at=now,
            **request.model_dump(by_alias=False),
        )
        self._check(provider, integration)
        try:
            return await self._integrations.create(integration)
        except AlreadyExistsError:
            return await self._integrations.get(tenant_id, integration_id)

    async def update(
        self, tenant_id: str, integration_id: str, changes: Mapping[str, Any], etag: str | None
    ) -> Integration:
        """Change some of an integration's settings; `changes` is the JSON of IntegrationSettings, in part.

        Raises:
            NotFoundError: The tenant has no such integration.
            InvalidRequestError: The settings would not be valid.
            InvalidStateError: An active integration would map nothing.
            StaleWriteError: `etag` is not that of the stored version.
        """

        async def apply(present: Integration) -> Integration:
            settings = _merged(present, changes)
            updated = present.changed(
                **{name: getattr(settings, name) for name in IntegrationSettings.model_fields}
            )
            self._check(await self._provider_of(present), updated)
            if updated.status is not IntegrationStatus.ACTIVE:
                return updated
            _require_mapping(updated)
            rescheduled = updated.sync_config != present.sync_config
            return self._scheduled(updated) if rescheduled else updated

        return await self._change(tenant_id, integration_id, etag, apply)

    async def set_active(
        self, tenant_id: str, integration_id: str, etag: str | None, *, active: bool
    ) -> Integration:
        """Activate or disable an integration; a run under way ends at its next step when it is disabled.

        Raises:
            NotFoundError: The tenant has no such integration.
            InvalidStateError: To activate it, it must map an entity and its provider must not be disabled.
            StaleWriteError: `etag` is not that of the stored version.
        """

        async def apply(present: Integration) -> Integration:
            if not active:
                return present.changed(
                    status=IntegrationStatus.DISABLED, disabled_because=None, next_sync_at=None
                )
            provider = await self._provider_of(present)
            if provider.status is ProviderStatus.DISABLED:
                raise InvalidStateError(f"The provider {provider.id} is disabled.")
            _require_mapping(present)
            return self._scheduled(present.changed(status=IntegrationStatus.ACTIVE, disabled_because=None))

        return await self._change(tenant_id, integration_id, etag, apply)

    async def set_credentials(
        self,
        tenant_id: str,
        integration_id: str,
        values: Mapping[str, str],
        actor: str,
        etag: str | None = None,
    ) -> CredentialVersion:
        """Store an integration's static credentials; its next step uses them.

        The secret comes first: a crash before the integration names it leaves the former version in use. Once
        it is named, all others are disabled. A refresh token among the values becomes the connection's.

        Raises:
            NotFoundError: The tenant has no such integration.
            InvalidRequestError: They are not what the provider asks for.
            StaleWriteError: `etag` is not that of the stored version.
            LeaseHeldError: Its tokens are being refreshed for too long; the same request can be sent again.
        """
        integration = await self._integrations.get(tenant_id, integration_id)
        integration.require_revision(etag)
        provider = await self._provider_of(integration)
        name, stored = await self._vault.put(integration, provider, values, actor)

        async def apply(present: Integration) -> Integration:
            return present.changed(
                credential_secret_name=name,
                credential_version=stored.version,
                former_credential_version=None,
                rotated_at=None,
            )

        changed = await self._change(tenant_id, integration_id, None, apply)
        await self._vault.disable_others(changed)
        if refresh_token := values.get(REFRESH_TOKEN):
            await self._lookup.enter(changed, provider, refresh_token, actor)
        return stored

    async def _change(
        self,
        tenant_id: str,
        integration_id: str,
        etag: str | None,
        apply: Callable[[Integration], Awaitable[Integration]],
    ) -> Integration:
        """Apply a person's change, again if the system has written to the document meanwhile."""
        for _ in range(_TRIES):
            present = await self._integrations.get(tenant_id, integration_id)
            present.require_revision(etag)
            changed = await apply(present)
            with contextlib.suppress(StaleWriteError):
                return await self._integrations.replace(
                    changed.changed(revision=present.revision + 1, updated_at=self._clock.now())
                )
        raise UnavailableError("The integration is being changed by others just now; try again.")

    def _scheduled(self, integration: Integration) -> Integration:
        """Begin the rhythm anew. A full run stays due: changes must not put it off for ever."""
        config, key, now = integration.sync_config, integration.id, self._clock.now()
        full, earlier = next_full_time(config, key, now), integration.next_full_sync_at
        return integration.changed(
            next_sync_at=next_time(config, key, now),
            next_full_sync_at=min(full, earlier) if full and earlier else full,
        )

    async def _provider_of(self, integration: Integration) -> Provider:
        return await self._providers.get(integration.provider_category, integration.provider_id)

    async def _provider_for(self, tenant_id: str, provider_id: str) -> Provider:
        try:
            provider = await self._providers.find(provider_id)
        except NotFoundError:
            provider = None
        if provider is None or not provider.is_visible_to(tenant_id):
            problem = Problem("providerId", "no such provider; GET /api/providers lists them")
            raise InvalidRequestError("The provider is not there.", [problem])
        if provider.status in {ProviderStatus.DISABLED, ProviderStatus.DEPRECATED}:
            problem = Problem(
                "providerId", f"this provider is {provider.status.value} and takes no new integrations"
            )
            raise InvalidRequestError("The provider can't be used.", [problem])
        return provider

    def _check(self, provider: Provider, integration: Integration) -> None:
        """Make sure that the settings fit the provider's document, before anything is stored."""
        try:
            known = self._adapters.entities(provider)
            self._adapters.check_settings(provider, integration.settings)
        except ConfigurationError as error:
            problems = error.problems or [Problem("settings", str(error))]
            raise InvalidRequestError("The settings don't fit the provider.", problems) from None
        strangers = [
            Problem(f"entityMappings.{index}.entity", f"unknown; the provider has: {', '.join(known)}")
            for index, mapping in enumerate(integration.entity_mappings)
            if mapping.entity not in known
        ]
        if strangers:
            raise InvalidRequestError("The mappings don't fit the provider.", strangers)


def _require_mapping(integration: Integration) -> None:
    if not integration.entity_mappings:
        raise InvalidStateError("The integration maps no entity; set entityMappings first.")


def _merged(integration: Integration, changes: Mapping[str, Any]) -> IntegrationSettings:
    present = integration.model_dump(
        mode="json", by_alias=True, include=set(IntegrationSettings.model_fields)
    )
    try:
        return IntegrationSettings.model_validate({**present, **changes})
    except ValidationError as error:
        raise InvalidRequestError("The settings are not valid.", to_problems(error)) from None
