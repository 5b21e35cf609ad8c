"""The record of a run, from queued to its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from shared.domain.errors import (
    ConfigurationError,
    IntegrationError,
    InvalidStateError,
    NotFoundError,
    StaleWriteError,
)
from shared.domain.integration import MAX_REASON, LastSync
from shared.domain.quality import IntegrationQuality, QualityTally
from shared.domain.sync import (
    Checkpoint,
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
from shared.services.insisting import insist
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

    async def checkpoints(self, execution: SyncExecution) -> list[Checkpoint]:
        """Return the stored checkpoints of a run's entities, and make sure that it is its integration's run.

        Raises:
            ConfigurationError: Another run was started in its stead, after a crash in the middle of a start.
        """
        found = await self._checkpoints.of_run(execution)
        if found is None:
            raise ConfigurationError("Another run of this integration was started in this one's stead.")
        return found

    async def started(self, execution: SyncExecution) -> SyncExecution:
        """Mark a run as running, if this is its first step."""
        if execution.status is ExecutionStatus.RUNNING:
            return execution
        return await self._written(execution, status=ExecutionStatus.RUNNING, started_at=self._clock.now())

    async def advanced(self, execution: SyncExecution, progress: Sequence[RunProgress]) -> SyncExecution:
        """Note how far a run is."""
        return await self._written(execution.changed(**_results(execution, progress)))

    async def postponed(self, tenant_id: str, execution_id: str, seconds: float) -> None:
        """Note that the next step of a run comes in so many seconds, so that nobody takes it for lost."""
        execution = await self.unfinished(tenant_id, execution_id)
        if execution:
            await self._written(execution, delay_seconds=seconds)

    async def completed(self, execution: SyncExecution, progress: Sequence[RunProgress]) -> None:
        """End a run that has reached the end of everything it had to read."""
        ended = execution.changed(**_results(execution, progress))
        counts, held = ended.counts, ended.held_deletions
        status = ExecutionStatus.PARTIAL if counts.rejected or held else ExecutionStatus.SUCCEEDED
        await self._end(ended.changed(status=status, error=_held_reason(ended) if held else None))
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
        await self._end(
            execution.changed(status=ExecutionStatus.FAILED, error=reason, **_results(execution, stored))
        )

    async def settle(self, tenant_id: str, execution_id: str) -> None:
        """Make sure that an integration knows how its run ended: a crash may have come before it was told."""
        execution = await self._executions.find(tenant_id, execution_id)
        if execution and execution.status.is_final and await self._active_runs.holds(execution):
            await self._tell_integration(execution)

    async def cancel(self, tenant_id: str, execution_id: str, if_match: str | None = None) -> SyncExecution:
        """End a run at once. A step that is under way finds that out when it next writes the run's record.

        Raises:
            NotFoundError: The tenant has no such run.
            StaleWriteError: `if_match` is not the record's version; every step writes a new one.
            InvalidStateError: It has ended already.
            UnavailableError: Its record was written by others again and again.
        """

        async def attempt() -> SyncExecution:
            execution = await self._executions.get(tenant_id, execution_id)
            if if_match not in {None, execution.etag}:
                raise StaleWriteError("The run went on since you read its record; read it again.")
            if execution.status.is_final:
                raise InvalidStateError(f"The run has ended already: {execution.status.value}.")
            now = self._clock.now()
            return await self._written(execution, status=ExecutionStatus.CANCELLED, finished_at=now)

        cancelled = await (insist(attempt) if if_match is None else attempt())
        await self._tell_integration(cancelled)
        _log.info("A sync run was cancelled", extra={"metadata": {"executionId": execution_id}})
        return cancelled

    async def last_quality(self, tenant_id: str, integration_id: str) -> IntegrationQuality:
        """Return how good the records of an integration's last finished run that has read any were.

        Raises:
            NotFoundError: The tenant has no such integration, or that has no such run.
        """
        integration = await self._integrations.get(tenant_id, integration_id)
        last = integration.last_sync.execution_id if integration.last_sync else None
        found_by = integration.last_reading or last
        execution = await self._executions.find(tenant_id, found_by) if found_by else None
        if execution is None:
            raise NotFoundError("The integration has no finished run; runs are kept for 30 days.")
        if execution.quality is None:
            raise NotFoundError(f"The last run, {execution.id}, ended before it had read anything.")
        return IntegrationQuality(execution_id=execution.id, **execution.quality.model_dump(by_alias=False))

    async def _end(self, execution: SyncExecution) -> None:
        """Tell the integration first: once the execution has its final state, nobody comes back to do so."""
        execution = execution.changed(finished_at=self._clock.now())
        await self._tell_integration(execution)
        try:
            await self._written(execution)
        except StaleWriteError:
            ended = await self._executions.find(execution.tenant_id, execution.id)
            if ended and ended.status.is_final:
                await self._tell_integration(ended)  # it was cancelled at this moment
            raise

    async def _tell_integration(self, execution: SyncExecution) -> None:
        now = self._clock.now()
        last = LastSync(
            execution_id=execution.id,
            status=execution.status.value,
            finished_at=execution.finished_at or now,
            reason=_reason(execution),
        )

        async def attempt() -> None:
            integration = await self._integrations.find(execution.tenant_id, execution.integration_id)
            if integration and integration.last_sync != last:
                read = execution.id if execution.quality else integration.last_reading
                await self._integrations.replace(
                    integration.changed(last_sync=last, last_reading=read, updated_at=now)
                )

        await insist(attempt)

    async def _written(
        self, execution: SyncExecution, delay_seconds: float = 0, **changes: object
    ) -> SyncExecution:
        now = self._clock.now()
        expected_by = now + timedelta(seconds=delay_seconds + SILENCE_SECONDS)
        return await self._executions.replace(
            execution.changed(**changes, updated_at=now, expected_by=expected_by)
        )


def _held_reason(execution: SyncExecution) -> ExecutionError:
    of_entities = ", ".join(f"{count} of {entity}" for entity, count in execution.held_deletions.items())
    cure = f"POST /api/executions/{execution.id}/confirm-deletions to delete them"
    message = f"More is gone at the source than may be deleted unasked: {of_entities}. {cure}."
    return ExecutionError(code="deletions_held", message=message)


def _reason(execution: SyncExecution) -> str | None:
    """Say in a sentence why a run did not go well."""
    if execution.error:
        return f"{execution.error.code}: {execution.error.message}"[:MAX_REASON]
    if execution.status is ExecutionStatus.PARTIAL:
        return f"{execution.counts.rejected} of {execution.counts.read} records were rejected."
    return None


def _results(execution: SyncExecution, progress: Sequence[RunProgress]) -> dict[str, object]:
    """Return what a run's record says of all its entities together."""
    counts = sum((entity.counts for entity in progress), SyncCounts())
    quality = sum((entity.quality for entity in progress), QualityTally())
    held = {
        name: entity.held for name, entity in zip(execution.entities, progress, strict=False) if entity.held
    }
    return {
        "counts": counts,
        "quality": quality.metrics() if counts.read else None,
        "held_deletions": held,
    }
