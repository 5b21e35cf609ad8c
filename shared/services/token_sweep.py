"""The hourly sweep: tokens that expire soon are refreshed before anybody has to wait for it.

Guide, "Automatic Credential Rotation": hourly, whatever expires within two hours. Tokens that live no longer
than that would be refreshed by every sweep, though they are refreshed at their use too: of these only what
has less than half of its life left.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import timedelta

from shared.domain.connection import Connection, ConnectionStatus
from shared.domain.errors import IntegrationError, LeaseHeldError
from shared.domain.model import WireModel
from shared.ports.adapter import AdapterSource
from shared.ports.clock import Clock
from shared.repositories.connections import ConnectionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.providers import ProviderRepository
from shared.resilience.lease import Leases
from shared.services.token_refresh import Target, TokenRefresh
from shared.telemetry.logs import get_logger, log_context

AHEAD_SECONDS = 7200.0
"""The guide's two hours."""

WORKERS = 4
"""Of each provider: so many connections are worked on at once."""

MAX_SECONDS = 480.0
"""A sweep begins nothing after this time: the host ends a function after ten minutes."""

MAX_DUE = 50_000
"""Of one sweep, the first to expire first; the next one takes the rest."""

_PAGE = 200
_log = get_logger("tokens")


class SweepReport(WireModel):
    """What a sweep has done. `good`: refreshed, or found to be so; `left`: not begun in time."""

    due: int = 0
    good: int = 0
    failed: int = 0
    left: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Due:
    tenant_id: str
    connection_id: str


class TokenSweep:
    """Looks over the connections of every tenant; only one instance at a time does.

    Args:
        connections, integrations, providers: Where the documents are.
        adapters: Know the providers' token endpoints.
        refresh: Gets the tokens.
        leases: Keep two sweeps apart.
        clock: Time.
    """

    def __init__(
        self,
        *,
        connections: ConnectionRepository,
        integrations: IntegrationRepository,
        providers: ProviderRepository,
        adapters: AdapterSource,
        refresh: TokenRefresh,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._integrations = integrations
        self._providers = providers
        self._adapters = adapters
        self._refresh = refresh
        self._leases = leases
        self._clock = clock

    async def run(self) -> SweepReport:
        """Refresh what is due. Failures are noted by connection. Empty: another instance is at it."""
        try:
            async with self._leases.hold("system", "token-refresher"):
                report = await self._swept()
        except LeaseHeldError:
            return SweepReport()
        _log.info("A sweep over tokens has ended", extra={"metadata": report.model_dump(by_alias=True)})
        return report

    async def _swept(self) -> SweepReport:
        started = self._clock.monotonic()
        lanes = await self._due()
        due = sum(map(len, lanes.values()))
        tally: list[bool] = []
        deadline = started + MAX_SECONDS
        async with asyncio.TaskGroup() as group:
            for provider_id, lane in lanes.items():
                for number in range(min(WORKERS, len(lane))):
                    group.create_task(
                        self._work(lane, deadline, tally), name=f"refresh {provider_id} {number}"
                    )
        good = sum(tally)
        return SweepReport(
            due=due,
            good=good,
            failed=len(tally) - good,
            left=due - len(tally),
            seconds=round(self._clock.monotonic() - started, 3),
        )

    async def _due(self) -> dict[str, deque[_Due]]:
        """Return what is due, by provider: one that is slow keeps no other's connections waiting."""
        lanes: dict[str, deque[_Due]] = defaultdict(deque)
        before = self._clock.now() + timedelta(seconds=AHEAD_SECONDS)
        count = 0
        for status in (ConnectionStatus.ACTIVE, ConnectionStatus.EXPIRED):
            continuation = None
            while count < MAX_DUE:
                page = await self._connections.page_due(status, before, _PAGE, continuation)
                for found in page.items:
                    lanes[found.provider_id].append(_Due(found.tenant_id, found.id))
                count += len(page.items)
                continuation = page.continuation
                if continuation is None:
                    break
        return lanes

    async def _work(self, lane: deque[_Due], deadline: float, tally: list[bool]) -> None:
        while lane and self._clock.monotonic() < deadline:
            due = lane.popleft()
            with log_context(tenant_id=due.tenant_id):
                tally.append(await self._is_good(due))

    async def _is_good(self, due: _Due) -> bool:
        try:
            target = await self._target(due)
            if target is not None:
                await self._refresh.token(target, at_least_seconds=_enough(target.connection))
        except LeaseHeldError:
            return True  # somebody is refreshing it just now
        except IntegrationError as error:
            _log.info("A sweep goes on without a connection: %s", error.code)
            return False
        return True

    async def _target(self, due: _Due) -> Target | None:
        """Return what to refresh; None for what is there no longer, or needs no token."""
        connection = await self._connections.find(due.tenant_id, due.connection_id)
        if connection is None:
            return None
        integration = await self._integrations.find(due.tenant_id, connection.integration_id)
        if integration is None:
            return None
        provider = await self._providers.recent(connection.provider_category, connection.provider_id)
        endpoint = self._adapters.token_endpoint(provider, integration)
        return Target(connection, integration, provider, endpoint) if endpoint else None


def _enough(connection: Connection) -> float:
    """Return how long a token has to live for the sweep to leave it alone."""
    if connection.expires_at is None or connection.refreshed_at is None:
        return AHEAD_SECONDS
    lifetime = (connection.expires_at - connection.refreshed_at).total_seconds()
    return min(AHEAD_SECONDS, lifetime / 2)
