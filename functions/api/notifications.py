"""Notifications: what somebody of the tenant, or the host platform for it, should look at."""

from __future__ import annotations

from functions._http import Answer, Call, Route
from functions._lists import Listing, ListQuery
from functions._roles import TENANT_OR_SERVICE
from shared.domain.notification import Notification


async def list_notifications(call: Call) -> Answer:
    """Answer with the tenant's notifications, the newest first."""
    query = call.query(ListQuery)
    page = await call.runtime.notifications.page(call.tenant_id, query.limit, query.continuation)
    return Answer(Listing[Notification](items=page.items, continuation=page.continuation))


ROUTES = (
    Route(
        "ListNotifications",
        "GET",
        "notifications",
        "The tenant's notifications, the newest first",
        list_notifications,
        TENANT_OR_SERVICE,
        Listing[Notification],
        query=ListQuery,
    ),
)
