"""The record of a run, from queued to its end."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.errors import IntegrationError
from shared.domain.integration import LastSync
from shared.domain.sync import (
    ExecutionError,
    ExecutionStatus,
    RunProgress,
    SyncCounts,
    SyncExecution,
)
from shared.ports.clock import Clock
from shared.repositories.checkpoints import CheckpointRepository
from shared.repositories.executions import ExecutionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.telemetry.logs import get_logger

_log = get_logger("sync")


class RunRecords:
    """Moves executions through their life. A run that has ended never changes again."""

    def __init__(
        self,
        executions: ExecutionRepository,
        integrations: IntegrationRepository,
        checkpoints: CheckpointRepository,
        clock: Clock,
    ) -> None:
        self._executions = executions
        self._integrations = integrations
        self._checkpoints = checkpoints
        self._clock = clock

    async def unfinished(self, tenant_id: str, execution_id: str) -> SyncExecution | None:
        """Return a run that has not ended, or None."""
        execution = await self._executions.find(tenant_id, execution_id)
        return execution if execution and not execution.status.is_final else None

    async def started(self, execution: SyncExecution) -> SyncExecution:
        """Mark a run as running, if this is its first step."""
        if execution.status is ExecutionStatus.RUNNING:
            return execution
        now = self._clock.now()
        return await self._executions.replace(
            execution.changed(status=ExecutionStatus.RUNNING, started_at=now, updated_at=now)
        )

    async def advanced(self, execution: SyncExecution, progress: Sequence[RunProgress]) -> SyncExecution:
        """Note how far a run is."""
        return await self._executions.replace(
            execution.changed(counts=_total(progress), updated_at=self._clock.now())
        )

    async def completed(self, execution: SyncExecution, progress: Sequence[RunProgress]) -> None:
        """End a run that has reached the end of everything it had to read."""
        counts = _total(progress)
        status = ExecutionStatus.PARTIAL if counts.rejected else ExecutionStatus.SUCCEEDED
        await self._end(execution.changed(counts=counts, status=status))
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
        await self._end(execution.changed(status=ExecutionStatus.FAILED, error=reason, counts=_total(stored)))

    async def _end(self, execution: SyncExecution) -> None:
        """Tell the integration first: once the execution has its final state, nobody comes back to do so."""
        now = self._clock.now()
        integration = await self._integrations.find(execution.tenant_id, execution.integration_id)
        if integration:
            last = LastSync(execution_id=execution.id, status=execution.status.value, finished_at=now)
            await self._integrations.replace(integration.changed(last_sync=last, updated_at=now))
        await self._executions.replace(execution.changed(finished_at=now, updated_at=now))


def _total(progress: Sequence[RunProgress]) -> SyncCounts:
    return sum((entity.counts for entity in progress), SyncCounts())
