"""Requests by their Idempotency-Key."""

from __future__ import annotations

from shared.domain.idempotency import KeyedRequest
from shared.ports.documents import DocumentStore
from shared.repositories.model_repository import ModelRepository


class KeyedRequestRepository:
    """Requests by tenant and hashed key; the store forgets them after a day."""

    def __init__(self, store: DocumentStore) -> None:
        self._models = ModelRepository(store, "idempotency-keys", KeyedRequest)

    async def find(self, tenant_id: str, request_id: str) -> KeyedRequest | None:
        """Return a request, or None."""
        return await self._models.get((tenant_id,), request_id)

    async def create(self, request: KeyedRequest) -> KeyedRequest:
        """Write a new request. Raises AlreadyExistsError when its key was used before."""
        return await self._models.create(request)

    async def replace(self, request: KeyedRequest) -> KeyedRequest:
        """Write a changed request. Raises StaleWriteError when another attempt has changed it."""
        return await self._models.replace(request)
