"""The scheduler: starts the runs that are due, and sets silent ones going again."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

from shared.domain.errors import InvalidStateError, LeaseHeldError, StaleWriteError
from shared.domain.integration import Integration
from shared.domain.model import rfc3339
from shared.domain.schedule import next_full_time, next_time
from shared.domain.sync import ExecutionStatus, SyncExecution, SyncMode, Trigger
from shared.ports.clock import Clock
from shared.repositories.executions import ExecutionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.resilience.lease import Leases
from shared.services.sync_requests import SILENCE_SECONDS, SyncRequests, derived_id, step_message
from shared.telemetry.logs import get_logger, log_context

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

    async def _start(self, found: Integration, request_id: str) -> bool:
        """Start one run. After a crash before the next time is noted, its id is found to be taken."""
        integration = await self._integrations.find(found.tenant_id, found.id)
        if integration is None or integration.etag != found.etag:
            return False  # it was changed since the sweep read it; the next sweep judges it anew
        started, changes = False, {"next_sync_at": self._next(integration)}
        try:
            execution = await self._requests.start(
                integration,
                self._mode(integration),
                Trigger.SCHEDULED,
                request_id,
                execution_id=_execution_id(integration),
            )
            started = not execution.status.is_final
            if execution.mode is SyncMode.FULL:
                changes["next_full_sync_at"] = self._next_full(integration)
        except InvalidStateError as error:
            _log.info("A scheduled run was left out", extra={"metadata": {"reason": str(error)}})
        with contextlib.suppress(StaleWriteError):  # the next sweep schedules it
            await self._integrations.replace(integration.changed(**changes))
        return started

    def _mode(self, integration: Integration) -> SyncMode:
        """Return a full run once that is due; one that is left out stays due."""
        full = integration.next_full_sync_at
        return SyncMode.FULL if full and full <= self._clock.now() else SyncMode.INCREMENTAL

    def _next_full(self, integration: Integration) -> datetime | None:
        now, due = self._clock.now(), integration.next_full_sync_at
        return next_full_time(integration.sync_config, integration.id, now, due)

    def _next(self, integration: Integration) -> datetime | None:
        now, due = self._clock.now(), integration.next_sync_at
        return next_time(integration.sync_config, integration.id, now, due)

    async def _revive_silent(self) -> None:
        for status in (ExecutionStatus.RUNNING, ExecutionStatus.QUEUED):
            for execution in (await self._executions.page_overdue(self._clock.now(), status)).items:
                with log_context(
                    tenant_id=execution.tenant_id,
                    integration_id=execution.integration_id,
                    request_id=execution.request_id,
                ):
                    await self._revive(execution)

    async def _revive(self, execution: SyncExecution) -> None:
        """Ask for whichever step is next. A run that has just written of itself needs nobody's help."""
        now = self._clock.now()
        _log.warning("A silent run is set going again", extra={"metadata": {"executionId": execution.id}})
        with contextlib.suppress(StaleWriteError):
            await self._executions.replace(
                execution.changed(expected_by=now + timedelta(seconds=SILENCE_SECONDS))
            )
            again = step_message(execution, part=0)
            await self._requests.send(again.model_copy(update={"wait": int(now.timestamp())}))


def _execution_id(integration: Integration) -> str:
    """Return an id for the run that is due: a crash can't make two runs of it."""
    due = rfc3339(integration.next_sync_at) if integration.next_sync_at else ""
    return derived_id("scheduled", integration.tenant_id, integration.id, due)
