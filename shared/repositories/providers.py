"""The provider catalogue: what ships with the app, and what the operators added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from shared.domain.errors import AlreadyExistsError, NotFoundError
from shared.domain.provider import Provider, ProviderDocument
from shared.ports.clock import Clock
from shared.ports.documents import DocumentStore, Op, Query, Where
from shared.repositories.model_repository import ModelRepository

RECENT_SECONDS = 30.0
"""How old a provider from memory may be: what another process has changed is seen by then."""

_MAX_RECENT = 1000
_SHIPPED_AT = datetime(2026, 1, 1, tzinfo=UTC)


class ProviderRepository:
    """Providers by category and id. A stored provider stands before a shipped one of the same id."""

    def __init__(
        self, store: DocumentStore, shipped: Callable[[], Sequence[ProviderDocument]], clock: Clock
    ) -> None:
        self._models = ModelRepository(store, "providers", Provider)
        self._shipped = shipped
        self._clock = clock
        self._recent: dict[tuple[str, str], tuple[float, Provider]] = {}
        self._changes = 0

    async def get(self, category: str, provider_id: str) -> Provider:
        """Return a provider by its full key.

        Raises:
            NotFoundError: There is none.
        """
        found = await self._models.get((category,), provider_id) or self._shipped_provider(provider_id)
        if found is None:
            raise _not_found(provider_id)
        return found

    async def recent(self, category: str, provider_id: str) -> Provider:
        """Return a provider as it was at most `RECENT_SECONDS` ago; changes made here are seen at once.

        Raises:
            NotFoundError: There is none.
        """
        now = self._clock.monotonic()
        until, provider = self._recent.get((category, provider_id), (now, None))
        if provider is not None and now < until:
            return provider
        changes = self._changes
        found = await self.get(category, provider_id)
        if len(self._recent) >= _MAX_RECENT:
            self._recent.clear()
        if changes == self._changes:
            self._recent[category, provider_id] = (now + RECENT_SECONDS, found)
        return found

    async def find(self, provider_id: str) -> Provider:
        """Return a provider by its id alone; ids are unique over all categories.

        Raises:
            NotFoundError: There is none.
        """
        where = (Where("id", Op.EQ, provider_id),)
        page = await self._models.page(Query((), where, limit=1, sweep=True))
        found = self._marked(page.items[0]) if page.items else self._shipped_provider(provider_id)
        if found is None:
            raise _not_found(provider_id)
        return found

    async def all(self) -> list[Provider]:
        """Return the whole catalogue by id. It is a list of providers, not of data: it fits in memory."""
        stored: dict[str, Provider] = {}
        continuation = None
        while True:
            page = await self._models.page(Query((), limit=200, continuation=continuation, sweep=True))
            stored.update((provider.id, self._marked(provider)) for provider in page.items)
            continuation = page.continuation
            if continuation is None:
                break
        shipped = {document.id: _as_provider(document) for document in self._shipped()}
        return [provider for _, provider in sorted({**shipped, **stored}.items())]

    async def create(self, provider: Provider) -> Provider:
        """Store a new provider.

        Raises:
            AlreadyExistsError: The id is taken, be it by a shipped provider.
        """
        try:
            await self.find(provider.id)
        except NotFoundError:
            return await self._models.create(provider)
        raise AlreadyExistsError(f"There is a provider {provider.id} already; change it with PUT.")

    async def save(self, provider: Provider) -> Provider:
        """Store a changed provider; one that shipped gets a stored version that stands before it.

        Raises:
            StaleWriteError: It was changed meanwhile.
        """
        try:
            return await self._saved(provider)
        finally:
            self._forget()

    async def delete(self, provider: Provider) -> bool:
        """Remove a stored provider; a shipped one of the same id comes forth again."""
        try:
            return await self._models.delete((provider.category,), provider)
        finally:
            self._forget()

    def is_shipped(self, provider_id: str) -> bool:
        """True when a provider of this id ships with the app."""
        return self._shipped_provider(provider_id) is not None

    def _forget(self) -> None:
        """Also what is being read at this moment: it may be the version before."""
        self._changes += 1
        self._recent.clear()

    async def _saved(self, provider: Provider) -> Provider:
        if provider.etag is None:
            return self._marked(await self._models.create(provider.changed(shipped=False)))
        return self._marked(await self._models.replace(provider))

    def _marked(self, stored: Provider) -> Provider:
        return stored.changed(overrides_shipped=self.is_shipped(stored.id))

    def _shipped_provider(self, provider_id: str) -> Provider | None:
        return next(
            (_as_provider(document) for document in self._shipped() if document.id == provider_id), None
        )


def _as_provider(document: ProviderDocument) -> Provider:
    return Provider(
        **document.model_dump(by_alias=False), shipped=True, created_at=_SHIPPED_AT, updated_at=_SHIPPED_AT
    )


def _not_found(provider_id: str) -> NotFoundError:
    return NotFoundError(f"There is no provider {provider_id}; GET /api/providers lists them.")
