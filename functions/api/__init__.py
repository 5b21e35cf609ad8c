"""The HTTP API: one file per resource, one table of routes."""

from __future__ import annotations

from functions import health_check
from functions._http import Route
from functions.api import (
    connections,
    credentials,
    deletions,
    executions,
    integrations,
    notifications,
    openapi,
    providers,
    quarantine,
    shards,
)

RESOURCES: tuple[Route, ...] = (
    *health_check.ROUTES,
    *providers.ROUTES,
    *integrations.ROUTES,
    *credentials.ROUTES,
    *connections.ROUTES,
    *deletions.ROUTES,
    *notifications.ROUTES,
    *executions.ROUTES,
    *shards.ROUTES,
    *quarantine.ROUTES,
)

ROUTES: tuple[Route, ...] = (*RESOURCES, openapi.route(RESOURCES))
"""Every route of the app."""
