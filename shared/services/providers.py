"""The provider catalogue as callers see it and as super admins change it."""

from __future__ import annotations

from shared.domain.errors import (
    AlreadyExistsError,
    InvalidRequestError,
    InvalidStateError,
    NotFoundError,
    Problem,
    StaleWriteError,
)
from shared.domain.provider import Provider, ProviderDocument, ProviderStatus
from shared.ports.adapter import AdapterSource
from shared.ports.clock import Clock
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.providers import ProviderRepository


class Providers:
    """The catalogue. `tenant_id` is None for a super admin, who sees everything."""

    def __init__(
        self,
        providers: ProviderRepository,
        integrations: IntegrationRepository,
        adapters: AdapterSource,
        clock: Clock,
    ) -> None:
        self._providers = providers
        self._integrations = integrations
        self._adapters = adapters
        self._clock = clock

    async def list(self, tenant_id: str | None) -> list[Provider]:
        """Return the providers that the tenant may see, by id."""
        everything = await self._providers.all()
        return [_seen_by(tenant_id, provider) for provider in everything if _may_see(tenant_id, provider)]

    async def get(self, provider_id: str, tenant_id: str | None) -> Provider:
        """Return one provider.

        Raises:
            NotFoundError: There is none, or the tenant may not see it.
        """
        provider = await self._providers.find(provider_id)
        if not _may_see(tenant_id, provider):
            raise NotFoundError(f"There is no provider {provider_id}; GET /api/providers lists them.")
        return _seen_by(tenant_id, provider)

    async def create(self, document: ProviderDocument, *, repeated: bool = False) -> Provider:
        """Add a provider to the catalogue. If `repeated`, the same document may be there already.

        Raises:
            InvalidRequestError: The document is not valid; each problem has its path and its cure.
            AlreadyExistsError: The id is taken.
        """
        self._check(document)
        now = self._clock.now()
        provider = Provider(**document.model_dump(by_alias=False), created_at=now, updated_at=now)
        try:
            return await self._providers.create(provider)
        except AlreadyExistsError:
            present = await self._providers.find(document.id)
            if not repeated or _document_of(present) != _document_of(provider):
                raise
            return present

    async def replace(self, provider_id: str, document: ProviderDocument, etag: str | None) -> Provider:
        """Change a provider's document. Its id and category stay.

        Raises:
            NotFoundError, StaleWriteError, InvalidRequestError: As the names say.
        """
        present = await self._current(provider_id, etag)
        wrong = [
            Problem(name, f"can't change; it is {value}")
            for name, value in (("id", present.id), ("category", present.category))
            if getattr(document, name) != value
        ]
        if wrong:
            raise InvalidRequestError("A provider keeps its id and its category.", wrong)
        self._check(document)
        changes = {name: getattr(document, name) for name in ProviderDocument.model_fields}
        return await self._providers.save(present.changed(**changes, updated_at=self._clock.now()))

    async def set_status(self, provider_id: str, status: ProviderStatus, etag: str | None) -> Provider:
        """Change a provider's status; `disabled` ends its runs at their next step."""
        present = await self._current(provider_id, etag)
        return await self._providers.save(present.changed(status=status, updated_at=self._clock.now()))

    async def delete(self, provider_id: str, etag: str | None) -> None:
        """Remove a provider that nobody uses, or the stored version that stands before a shipped one.

        Raises:
            InvalidStateError: It ships with the app and was not changed, or an integration uses it.
        """
        present = await self._current(provider_id, etag)
        if present.etag is None:
            raise InvalidStateError(
                "The provider ships with the app and can't be deleted; disable it instead."
            )
        in_use = (await self._integrations.page_of_provider(provider_id, limit=1)).items
        if in_use and not self._providers.is_shipped(provider_id):
            raise InvalidStateError(
                "Integrations use this provider; disable it instead, or delete them first."
            )
        await self._providers.delete(present)

    async def _current(self, provider_id: str, etag: str | None) -> Provider:
        present = await self._providers.find(provider_id)
        if etag is not None and etag != present.etag:
            raise StaleWriteError("The provider was changed since you read it; read it again.")
        return present

    def _check(self, document: ProviderDocument) -> None:
        problems = self._adapters.check(document)
        if problems:
            raise InvalidRequestError("The provider document is not valid.", problems)


def _document_of(provider: Provider) -> dict[str, object]:
    return {name: getattr(provider, name) for name in ProviderDocument.model_fields}


def _may_see(tenant_id: str | None, provider: Provider) -> bool:
    return tenant_id is None or provider.is_visible_to(tenant_id)


def _seen_by(tenant_id: str | None, provider: Provider) -> Provider:
    """Leave out which other tenants see a provider."""
    return (
        provider
        if tenant_id is None or provider.visible_to is None
        else provider.changed(visible_to=(tenant_id,))
    )
