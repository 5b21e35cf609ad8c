"""Notifications; the store forgets them after 90 days."""

from __future__ import annotations

from shared.domain.errors import AlreadyExistsError
from shared.domain.notification import Notification
from shared.ports.documents import DocumentStore, Query
from shared.repositories.model_repository import ModelPage, ModelRepository


class NotificationRepository:
    """Notifications by tenant and id."""

    def __init__(self, store: DocumentStore) -> None:
        self._models = ModelRepository(store, "notifications", Notification)

    async def create_once(self, notification: Notification) -> bool:
        """Store a notification; False if it is there already."""
        try:
            await self._models.create(notification)
        except AlreadyExistsError:
            return False
        return True

    async def page(
        self, tenant_id: str, limit: int, continuation: str | None = None
    ) -> ModelPage[Notification]:
        """Return one page of a tenant's notifications, the newest first."""
        query = Query(
            (tenant_id,), order_by="createdAt", descending=True, limit=limit, continuation=continuation
        )
        return await self._models.page(query)
