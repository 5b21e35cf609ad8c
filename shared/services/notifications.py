"""Telling tenants and the host platform what somebody should look at, once."""

from __future__ import annotations

from shared.domain.notification import Notification
from shared.repositories.notifications import NotificationRepository
from shared.telemetry.logs import get_logger

_log = get_logger("notifications")


class Notifications:
    """Notifications as they come up."""

    def __init__(self, notifications: NotificationRepository) -> None:
        self._notifications = notifications

    async def tell(self, notification: Notification) -> bool:
        """Store a notification; False if it was told before, by its id. Idempotent.

        Raises:
            UnavailableError: The store does not answer.
        """
        is_new = await self._notifications.create_once(notification)
        if is_new:
            metadata = {"code": notification.code, "severity": notification.severity.value}
            _log.info("A notification", extra={"metadata": {"notificationId": notification.id, **metadata}})
        return is_new
