"""The scheduler: starts the runs that are due, and sets silent ones going again."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.domain.errors import InvalidStateError, LeaseHeldError, StaleWriteError
from shared.domain.integration import Integration
from shared.domain.sync import SyncMode, Trigger
from shared.ports.clock import Clock
from shared.repositories.executions import ACTIVE_STATUSES, ExecutionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.resilience.lease import Leases
from shared.services.sync_requests import SyncRequests, first_message
from shared.telemetry.logs import get_logger, log_context

SILENCE_SECONDS = 900.0
"""A run that has written nothing for this long has lost its message: a step takes 10 minutes at most."""

_PAGE = 200
_log = get_logger("scheduler")


class SyncScheduler:
    """Looks over the integrations of every tenant; only one instance at a time does."""

    def __init__(
        self,
        integrations: IntegrationRepository,
        executions: ExecutionRepository,
        requests: SyncRequests,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._integrations = integrations
        self._executions = executions
        self._requests = requests
        self._leases = leases
        self._clock = clock

    async def run(self, request_id: str) -> int:
        """Start every run that is due and return how many were started; 0 while another instance is at it."""
        try:
            async with self._leases.hold("system", "sync-scheduler"):
                await self._revive_silent()
                return await self._start_due(request_id)
        except LeaseHeldError:
            return 0

    async def _start_due(self, request_id: str) -> int:
        started = 0
        due = (await self._integrations.page_due(self._clock.now(), _PAGE)).items
        while due:
            for integration in due:
                with log_context(tenant_id=integration.tenant_id, integration_id=integration.id):
                    started += await self._start(integration, request_id)
            due = (
                (await self._integrations.page_due(self._clock.now(), _PAGE)).items
                if len(due) == _PAGE
                else ()
            )
        return started

    async def _start(self, integration: Integration, request_id: str) -> bool:
        """Start one run. After a crash before the next time is noted, the run is found to be active."""
        started = True
        try:
            await self._requests.start(integration, SyncMode.INCREMENTAL, Trigger.SCHEDULED, request_id)
        except InvalidStateError as error:
            _log.info("A scheduled run was left out", extra={"metadata": {"reason": str(error)}})
            started = False
        try:
            await self._integrations.replace(
                integration.changed(next_sync_at=next_sync(integration, self._clock))
            )
        except StaleWriteError:
            _log.info("The integration was changed at this moment; the next sweep schedules it")
        return started

    async def _revive_silent(self) -> None:
        moment = self._clock.now() - timedelta(seconds=SILENCE_SECONDS)
        for status in ACTIVE_STATUSES:
            for execution in (await self._executions.page_silent_since(moment, status)).items:
                _log.warning(
                    "A silent run is set going again", extra={"metadata": {"executionId": execution.id}}
                )
                revived = await self._executions.replace(execution.changed(updated_at=self._clock.now()))
                wait = int(self._clock.now().timestamp())
                await self._requests.send(first_message(revived).model_copy(update={"wait": wait}))


def next_sync(integration: Integration, clock: Clock) -> datetime | None:
    """Return when the integration syncs by itself next, or None."""
    interval = integration.sync_config.interval_seconds
    return clock.now() + timedelta(seconds=interval) if interval else None
