"""The health of a tenant's integrations, in the guide's shape (guide, "Health Check Endpoints")."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from shared.domain.integration import Integration, IntegrationStatus
from shared.domain.model import Timestamp, WireModel
from shared.domain.sync import ExecutionStatus
from shared.ports.clock import Clock
from shared.repositories.integrations import IntegrationRepository

HealthStatus = Literal["healthy", "degraded", "unhealthy"]


class IntegrationHealth(WireModel):
    """How many active integrations are in which state."""

    total: int
    healthy: int
    degraded: int
    unhealthy: int


class ConnectionHealth(WireModel):
    """How many connections are in which state."""

    total: int = 0
    active: int = 0
    expired: int = 0
    error: int = 0


class HealthReport(WireModel):
    """The guide's answer. `status` is that of the worst integration."""

    status: HealthStatus
    integrations: IntegrationHealth
    connections: ConnectionHealth
    last_checked_at: Timestamp


class Health:
    """Judges integrations by how their last run ended; no provider needs a connection yet."""

    def __init__(self, integrations: IntegrationRepository, clock: Clock) -> None:
        self._integrations = integrations
        self._clock = clock

    async def report(self, tenant_id: str) -> HealthReport:
        """Return the health of one tenant's active integrations."""
        states: Counter[HealthStatus] = Counter()
        continuation = None
        while True:
            page = await self._integrations.page(tenant_id, 200, continuation)
            states.update(_state(item) for item in page.items if item.status is IntegrationStatus.ACTIVE)
            continuation = page.continuation
            if continuation is None:
                break
        worst: HealthStatus = next((state for state in ("unhealthy", "degraded") if states[state]), "healthy")
        return HealthReport(
            status=worst,
            integrations=IntegrationHealth(
                total=states.total(),
                healthy=states["healthy"],
                degraded=states["degraded"],
                unhealthy=states["unhealthy"],
            ),
            connections=ConnectionHealth(),
            last_checked_at=self._clock.now(),
        )


def _state(integration: Integration) -> HealthStatus:
    if integration.last_sync is None:
        return "healthy"
    match integration.last_sync.status:
        case ExecutionStatus.FAILED.value:
            return "unhealthy"
        case ExecutionStatus.PARTIAL.value:
            return "degraded"
        case _:
            return "healthy"
