"""The record of a run, from queued to its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from shared.domain.errors import ConfigurationError, IntegrationError
from shared.domain.integration import LastSync
from shared.domain.quality import QualityTally
from shared.domain.sync import (
    ExecutionError,
    ExecutionStatus,
    RunProgress,
    SyncCounts,
    SyncExecution,
)
from shared.ports.clock import Clock
from shared.repositories.active_runs import ActiveRunRepository
from shared.repositories.checkpoints import CheckpointRepository
from shared.repositories.executions import ExecutionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.services.sync_requests import SILENCE_SECONDS
from shared.telemetry.logs import get_logger

_log = get_logger("sync")


class RunRecords:
    """Moves executions through their life. A run that has ended never changes again."""

    def __init__(
        self,
        executions: ExecutionRepository,
        integrations: IntegrationRepository,
        checkpoints: CheckpointRepository,
        active_runs: ActiveRunRepository,
        clock: Clock,
    ) -> None:
        self._executions = executions
        self._integrations = integrations
        self._checkpoints = checkpoints
        self._active_runs = active_runs
        self._clock = clock

    async def unfinished(self, tenant_id: str, execution_id: str) -> SyncExecution | None:
        """Return a run that has not ended, or None."""
        execution = await self._executions.find(tenant_id, execution_id)
        return execution if execution and not execution.status.is_final else None

    async def require_current(self, execution: SyncExecution) -> None:
        """Make sure that a run is its integration's one.

        Raises:
            ConfigurationError: Another run was started in its stead, after a crash in the middle of a start.
        """
        if not await self._active_runs.holds(execution):
            raise ConfigurationError("Another run of this integration was started in this one's stead.")

    async def started(self, execution: SyncExecution) -> SyncExecution:
        """Mark a run as running, if this is its first step."""
        if execution.status is ExecutionStatus.RUNNING:
            return execution
        return await self._written(execution, status=ExecutionStatus.RUNNING, started_at=self._clock.now())

    async def advanced(self, execution: SyncExecution, progress: Sequence[RunProgress]) -> SyncExecution:
        """Note how far a run is."""
        return await self._written(execution.changed(**_results(progress)))

    async def postponed(self, tenant_id: str, execution_id: str, seconds: float) -> None:
        """Note that the next step of a run comes in so many seconds, so that nobody takes it for lost."""
        execution = await self.unfinished(tenant_id, execution_id)
        if execution:
            await self._written(execution, delay_seconds=seconds)

    async def completed(self, execution: SyncExecution, progress: Sequence[RunProgress]) -> None:
        """End a run that has reached the end of everything it had to read."""
        ended = execution.changed(**_results(progress))
        counts = ended.counts
        status = ExecutionStatus.PARTIAL if counts.rejected else ExecutionStatus.SUCCEEDED
        await self._end(ended.changed(status=status))
        _log.info(
            "A sync run has ended", extra={"metadata": {"executionId": execution.id, **counts.model_dump()}}
        )

    async def failed(self, tenant_id: str, execution_id: str, error: IntegrationError) -> None:
        """End a run that can't go on, with the reason and with what it had stored by then."""
        _log.warning(
            "A sync run has failed", extra={"metadata": {"executionId": execution_id}}, exc_info=error
        )
        execution = await self.unfinished(tenant_id, execution_id)
        if execution is None:
            return
        stored = [
            (await self._checkpoints.load(tenant_id, execution.integration_id, entity)).progress_of(
                execution_id
            )
            for entity in execution.entities
        ]
        reason = ExecutionError(code=error.code, message=str(error))
        await self._end(execution.changed(status=ExecutionStatus.FAILED, error=reason, **_results(stored)))

    async def _end(self, execution: SyncExecution) -> None:
        """Tell the integration first: once the execution has its final state, nobody comes back to do so."""
        now = self._clock.now()
        integration = await self._integrations.find(execution.tenant_id, execution.integration_id)
        if integration:
            last = LastSync(execution_id=execution.id, status=execution.status.value, finished_at=now)
            await self._integrations.replace(integration.changed(last_sync=last, updated_at=now))
        await self._written(execution, finished_at=now)

    async def _written(
        self, execution: SyncExecution, delay_seconds: float = 0, **changes: object
    ) -> SyncExecution:
        now = self._clock.now()
        expected_by = now + timedelta(seconds=delay_seconds + SILENCE_SECONDS)
        return await self._executions.replace(
            execution.changed(**changes, updated_at=now, expected_by=expected_by)
        )


def _results(progress: Sequence[RunProgress]) -> dict[str, object]:
    """Return what a run's record says of all its entities together."""
    counts = sum((entity.counts for entity in progress), SyncCounts())
    quality = sum((entity.quality for entity in progress), QualityTally())
    return {"counts": counts, "quality": quality.metrics()}
