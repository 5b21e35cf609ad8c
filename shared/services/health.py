"""The health of a tenant's integrations, in the guide's shape (guide, "Health Check Endpoints")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Literal, get_args

from pydantic import Field

from shared.domain.connection import ConnectionStatus
from shared.domain.integration import Integration, IntegrationStatus
from shared.domain.model import Timestamp, WireModel
from shared.domain.sync import ExecutionStatus
from shared.ports.clock import Clock
from shared.repositories.connections import ConnectionRepository
from shared.repositories.integrations import IntegrationRepository

MAX_NAMED = 50
"""So many integrations are named at most, however many are not healthy."""

LATE = timedelta(minutes=15)
"""The scheduler looks every minute: who is due for this long has been forgotten."""

_PAGE = 200
_UNTOLD = "Its record says why."

_DISABLED = {
    "connection.revoked": "The provider no longer accepts its connection; connect it again.",
    "connection.expired": "Its connection has expired and could not be refreshed so far; it is tried again.",
}

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


class NotHealthy(WireModel):
    """An integration that somebody should look at, and why."""

    integration_id: str
    name: str
    status: HealthStatus
    reason: str
    last_sync_at: Timestamp | None


class HealthReport(WireModel):
    """The guide's answer, and whom to look at. `status` is that of the worst integration.

    `not_healthy` names the first that are not healthy, the unhealthy before the degraded.
    """

    status: HealthStatus
    integrations: IntegrationHealth
    connections: ConnectionHealth
    not_healthy: Annotated[tuple[NotHealthy, ...], Field(max_length=MAX_NAMED)]
    last_checked_at: Timestamp


class IntegrationTotals(WireModel):
    """How many integrations have which status, and how well the active ones are; nothing of any tenant."""

    by_status: dict[str, int]
    by_health: dict[str, int]


class Health:
    """Judges integrations by how their last run ended, and by the connections that they need."""

    def __init__(
        self, integrations: IntegrationRepository, connections: ConnectionRepository, clock: Clock
    ) -> None:
        self._integrations = integrations
        self._connections = connections
        self._clock = clock

    async def report(self, tenant_id: str) -> HealthReport:
        """Return the health of one tenant's active integrations, and of those that the system disabled."""
        judged = _Judged(await self._connection_health(tenant_id))
        continuation = None
        while True:
            page = await self._integrations.page(tenant_id, _PAGE, continuation)
            for item in page.items:
                if item.status is IntegrationStatus.ACTIVE or item.disabled_because:
                    judged.add(item, self._clock.now())
            continuation = page.continuation
            if continuation is None:
                return judged.report(self._clock.now())

    async def _connection_health(self, tenant_id: str) -> ConnectionHealth:
        counts: Counter[ConnectionStatus] = Counter()
        continuation = None
        while True:
            page = await self._connections.page(tenant_id, _PAGE, continuation)
            counts.update(item.status for item in page.items)
            continuation = page.continuation
            if continuation is None:
                break
        del counts[ConnectionStatus.DISCONNECTED]  # somebody wanted that
        return ConnectionHealth(
            total=counts.total(),
            active=counts[ConnectionStatus.ACTIVE],
            expired=counts[ConnectionStatus.EXPIRED],
            error=counts[ConnectionStatus.REVOKED],
        )

    async def totals(self) -> IntegrationTotals:
        """Count the integrations of all tenants; a system sweep."""
        by_status, by_health = _none_of(IntegrationStatus), _none_of(get_args(HealthStatus))
        continuation = None
        while True:
            page = await self._integrations.page_of_all(_PAGE, continuation)
            for item in page.items:
                by_status[item.status] += 1
                if item.status is IntegrationStatus.ACTIVE:
                    by_health[_state(item, self._clock.now())[0]] += 1
            continuation = page.continuation
            if continuation is None:
                return IntegrationTotals(by_status=by_status, by_health=by_health)


def _none_of(names: Iterable[str]) -> dict[str, int]:
    """Begin to count: charts need a zero where there is none of a kind."""
    return {str(name): 0 for name in names}


class _Judged:
    """What has been found of a tenant's integrations; of those to be named no more than will be."""

    def __init__(self, connections: ConnectionHealth) -> None:
        self._connections = connections
        self._counts: Counter[HealthStatus] = Counter()
        self._named: dict[HealthStatus, list[NotHealthy]] = {"unhealthy": [], "degraded": []}

    def add(self, integration: Integration, now: datetime) -> None:
        status, reason = _state(integration, now)
        self._counts[status] += 1
        if status != "healthy" and len(self._named[status]) < MAX_NAMED:
            self._named[status].append(_named(integration, status, reason))

    def report(self, now: datetime) -> HealthReport:
        counts = self._counts
        worst: HealthStatus = next((state for state in ("unhealthy", "degraded") if counts[state]), "healthy")
        return HealthReport(
            status=worst,
            integrations=IntegrationHealth(
                total=counts.total(),
                healthy=counts["healthy"],
                degraded=counts["degraded"],
                unhealthy=counts["unhealthy"],
            ),
            connections=self._connections,
            not_healthy=tuple(self._named["unhealthy"] + self._named["degraded"])[:MAX_NAMED],
            last_checked_at=now,
        )


def _named(integration: Integration, status: HealthStatus, reason: str) -> NotHealthy:
    last = integration.last_sync
    return NotHealthy(
        integration_id=integration.id,
        name=integration.name,
        status=status,
        reason=reason,
        last_sync_at=last.finished_at if last else None,
    )


def _state(integration: Integration, now: datetime) -> tuple[HealthStatus, str]:
    """Return an integration's state, and why if it is not healthy."""
    if integration.disabled_because:
        return "unhealthy", _DISABLED.get(integration.disabled_because.code, _UNTOLD)
    last = integration.last_sync
    reason = (last.reason if last else None) or _UNTOLD
    match last.status if last else None:
        case ExecutionStatus.FAILED.value:
            return "unhealthy", f"The last run failed. {reason}"
        case ExecutionStatus.PARTIAL.value:
            return "degraded", f"The last run rejected records. {reason}"
    if integration.next_sync_at and now - integration.next_sync_at > LATE:
        return "degraded", "Its sync is due and has not been started."
    return "healthy", ""
