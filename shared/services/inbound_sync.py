"""Inbound sync: one step of a run, from a queue message to stored pages and the next message.

The checkpoint is the truth about how far a run is. A step reads it, stores pages, and saves it after each;
whatever line the process dies at, the message comes again and the step goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from dataclasses import dataclass

from shared.domain.errors import (
    ConfigurationError,
    IntegrationError,
    LeaseHeldError,
    NotFoundError,
    ResyncRequiredError,
    RetryableError,
    StopError,
    UnavailableError,
)
from shared.domain.integration import Integration, IntegrationStatus
from shared.domain.mapping import CompiledMapping
from shared.domain.provider import Provider, ProviderStatus
from shared.domain.sweeps import Sweep
from shared.domain.sync import (
    Checkpoint,
    RunProgress,
    SyncExecution,
    SyncMessage,
)
from shared.ports.adapter import Adapter, AdapterSource
from shared.ports.clock import Clock
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.providers import ProviderRepository
from shared.resilience.lease import Lease, Leases
from shared.services.confirmed_deletions import ConfirmedDeletions
from shared.services.credentials import CredentialSource
from shared.services.guarded_intake import GuardedIntake
from shared.services.page_reader import read_pages
from shared.services.read_ahead import ReadAhead
from shared.services.run_checkpoints import RunCheckpoints, as_mapped, mapping_of
from shared.services.run_records import RunRecords
from shared.services.run_steps import advanced, first_request, from_the_beginning, next_part
from shared.services.sweeper import Sweeper
from shared.services.sync_requests import SyncRequests, step_message
from shared.services.sync_step import Step, StepEnd
from shared.services.sync_turns import SyncTurns
from shared.telemetry.logs import add_to_log_context, get_logger, log_context
from shared.telemetry.request_charge import metered, units_so_far

_log = get_logger("sync")


@dataclass(frozen=True, slots=True)
class StepLimits:
    """How much one step may do.

    Attributes:
        max_records: So many records at most. A page that has more is stored in slices of so many, all in one
            step as long as there is time: the step after it has to fetch the page again.
        max_seconds: No page or slice is begun after this time.
        timeout_seconds: The step is cancelled after this time; the pages that it has stored are kept.
    """

    max_records: int
    max_seconds: float
    timeout_seconds: float


class InboundSync:
    """Runs the steps of inbound syncs.

    Args:
        integrations, providers: Where the documents are.
        records: Keeps the record of each run.
        checkpoints: Keep how far each is.
        intake: Stores pages.
        sweeper: Removes what a complete reading has not seen.
        confirmed: Removes what was held until somebody confirmed it.
        adapters: Opens lines to providers.
        vault: Has the credentials for them.
        leases: Keeps two steps of one integration apart.
        turns: Lets so many runs work at once.
        requests: Enqueues the step after this one.
        ahead: Keeps a page from one step to the next.
        limits: How much one step may do.
        clock: Time.
    """

    def __init__(
        self,
        *,
        integrations: IntegrationRepository,
        providers: ProviderRepository,
        records: RunRecords,
        checkpoints: RunCheckpoints,
        intake: GuardedIntake,
        sweeper: Sweeper,
        confirmed: ConfirmedDeletions,
        adapters: AdapterSource,
        vault: CredentialSource,
        leases: Leases,
        turns: SyncTurns,
        requests: SyncRequests,
        ahead: ReadAhead,
        limits: StepLimits,
        clock: Clock,
    ) -> None:
        self._integrations = integrations
        self._providers = providers
        self._records = records
        self._checkpoints = checkpoints
        self._intake = intake
        self._sweeper = sweeper
        self._confirmed = confirmed
        self._adapters = adapters
        self._vault = vault
        self._leases = leases
        self._turns = turns
        self._requests = requests
        self._ahead = ahead
        self._limits = limits
        self._clock = clock

    async def run(self, message: SyncMessage) -> None:
        """Do one step of a run, and enqueue the next or end the run. A step of an ended run does nothing.

        While too many runs are at work the message is kept, and sent again when its run's turn comes.

        Raises:
            LeaseHeldError: Another step of the same integration is at work, or too many runs wait.
            RetryableError: The provider or the store is not available; what is stored is kept.
        """
        with (
            metered(),
            log_context(
                tenant_id=message.tenant_id, integration_id=message.integration_id, operation="sync.inbound"
            ),
        ):
            if not await self._turns.enter(message):
                _log.info(
                    "A run waits for its turn", extra={"metadata": {"executionId": message.execution_id}}
                )
                return
            following = await self._with_turn(message)
            # Only now: whoever receives the next message at once would find the lease still held.
            if following:
                _log.debug("phase follow-up")
                await self._requests.send(following)
            else:
                await self._ended(message)

    async def postpone(self, message: SyncMessage, delay_seconds: float) -> None:
        """Enqueue a step of a run again, to be delivered after a delay."""
        # Without the note the run may look lost, and one message too many be sent: no reason to send none.
        with contextlib.suppress(RetryableError):
            await self._records.postponed(message.tenant_id, message.execution_id, delay_seconds)
        await self._requests.send(message, delay_seconds)

    async def give_up(self, message: SyncMessage, error: IntegrationError) -> None:
        """End a run as failed because its step has failed too often."""
        await self._records.failed(message.tenant_id, message.execution_id, error)
        await self._ended(message)

    async def _with_turn(self, message: SyncMessage) -> SyncMessage | None:
        try:
            async with self._leases.hold(message.tenant_id, f"sync.{message.integration_id}") as lease:
                return await self._in_time(message, lease)
        except LeaseHeldError:
            raise  # the turn may be in use by another message of this run
        except BaseException:
            with contextlib.suppress(IntegrationError):  # it runs out by itself
                await self._turns.leave(message)
            raise

    async def _ended(self, message: SyncMessage) -> None:
        """Do what follows a run's end. Who finds the run ended does it again: a crash leaves nothing out."""
        await self._ahead.forget(message.execution_id)
        integration = await self._integrations.find(message.tenant_id, message.integration_id)
        if integration:
            await self._requests.follow_up(integration, message.execution_id)
        await self._turns.leave(message)

    async def _in_time(self, message: SyncMessage, lease: Lease) -> SyncMessage | None:
        step = {"metadata": {"executionId": message.execution_id, "part": message.part}}
        _log.debug("step begins", extra=step)
        try:
            async with asyncio.timeout(self._limits.timeout_seconds):
                return await self._locked(message, lease)
        except TimeoutError:
            limit = self._limits.timeout_seconds
            raise UnavailableError(
                f"The step took longer than {limit:.0f} s; what it stored is kept."
            ) from None
        finally:
            _log.debug("step ends", extra=step)

    async def _locked(self, message: SyncMessage, lease: Lease) -> SyncMessage | None:
        execution = await self._records.unfinished(message.tenant_id, message.execution_id)
        if execution is None:
            _log.info("The run has ended already", extra={"metadata": {"executionId": message.execution_id}})
            await self._records.settle(message.tenant_id, message.execution_id)
            following = None
        else:
            following = await self._step_or_end(message.part, execution, lease)
        if following is None:
            await self._sweeper.tidy(message.tenant_id, message.integration_id, message.execution_id)
        return following

    async def _step_or_end(self, part: int, execution: SyncExecution, lease: Lease) -> SyncMessage | None:
        try:
            return await self._step(part, execution, lease)
        except StopError as error:
            await self._records.failed(execution.tenant_id, execution.id, error)
            return None

    async def _step(self, part: int, execution: SyncExecution, lease: Lease) -> SyncMessage | None:
        """Do the step of this number, unless it is done already; return the next, or None at the end."""
        stored, integration = await asyncio.gather(
            self._records.checkpoints(execution), self._integration(execution)
        )
        add_to_log_context(provider_id=integration.provider_id)
        provider = await self._provider(integration)
        checkpoints = [as_mapped(integration, checkpoint) for checkpoint in stored]
        progress = [checkpoint.progress_of(execution.id) for checkpoint in checkpoints]
        if part == next_part(progress):
            execution = await self._records.started(execution)
            read = sum(entity.counts.read for entity in progress)
            step = Step(execution, integration, lease, self._end_of(execution), read)
            progress = await self._go_on(step, provider, checkpoints)
        execution = execution.changed(request_units=round(execution.request_units + units_so_far(), 2))
        if not all(entity.done for entity in progress):
            await self._records.advanced(execution, progress)
            return step_message(execution, next_part(progress))
        _log.debug("phase complete")
        await self._records.completed(execution, progress)
        return None

    def _end_of(self, execution: SyncExecution) -> StepEnd:
        async def has_ended() -> bool:
            return await self._records.unfinished(execution.tenant_id, execution.id) is None

        return StepEnd(self._clock, self._limits.max_seconds, has_ended)

    async def _integration(self, execution: SyncExecution) -> Integration:
        integration = await self._integrations.find(execution.tenant_id, execution.integration_id)
        if integration is None:
            raise ConfigurationError("The integration was deleted while its run was under way.")
        if integration.status is not IntegrationStatus.ACTIVE:
            raise ConfigurationError("The integration was disabled while its run was under way.")
        return integration

    async def _provider(self, integration: Integration) -> Provider:
        try:
            provider = await self._providers.recent(integration.provider_category, integration.provider_id)
        except NotFoundError as error:
            raise ConfigurationError(str(error)) from None
        if provider.status is ProviderStatus.DISABLED:
            raise ConfigurationError(f"The provider {provider.id} is disabled.")
        return provider

    async def _go_on(
        self, step: Step, provider: Provider, checkpoints: list[Checkpoint]
    ) -> list[RunProgress]:
        """Go on with the first entity that is not done; return how far each entity of the run is."""
        progress = [checkpoint.progress_of(step.execution.id) for checkpoint in checkpoints]
        at_work = next((index for index, entity in enumerate(progress) if not entity.done), None)
        if at_work is None:
            return progress
        checkpoint = checkpoints[at_work]
        sweep = self._adapters.sweep(provider, checkpoint.entity)
        if step.execution.confirms:
            progress[at_work] = await self._confirmed.go_on(step, checkpoint, step.execution.confirms, sweep)
        elif progress[at_work].sweep:
            progress[at_work] = await self._sweeper.go_on(step, checkpoint, sweep)
        else:
            progress[at_work] = await self._read(step, provider, checkpoint, sweep)
        return progress

    async def _read(
        self, step: Step, provider: Provider, checkpoint: Checkpoint, sweep: Sweep
    ) -> RunProgress:
        credentials = await self._vault.of(step.integration, provider)
        adapter = self._adapters.open(provider, step.integration, credentials, step.execution.tenant_id)
        return await self._read_entity(step, adapter, checkpoint, sweep)

    async def _read_entity(
        self, step: Step, adapter: Adapter, checkpoint: Checkpoint, sweep: Sweep
    ) -> RunProgress:
        mapping = mapping_of(step.integration, checkpoint.entity)
        compiled = CompiledMapping(mapping)
        checkpoint = checkpoint.for_run(step.execution.id)
        progress = checkpoint.progress_of(step.execution.id).beginning_step()
        max_records = self._limits.max_records
        request = first_request(step.execution.mode, mapping, checkpoint, progress, max_records)
        reading = read_pages(adapter, step.execution.id, request, max_records, self._ahead)
        swept = sweep is not Sweep.NEVER and request.watermark is None
        intake, room = self._intake.begin(), step.room_after(progress)
        try:
            async with aclosing(reading) as pages:
                async for page in pages:
                    room.require(progress, len(page.records))
                    context = step.page(mapping, progress.pages)
                    stored = await intake.store(context, page.records, compiled, progress)
                    if swept:
                        await self._sweeper.mark(context, page.records)
                    progress = advanced(progress, page, stored, swept=swept and page.complete)
                    checkpoint = await self._checkpoints.save(checkpoint, progress, step.lease)
                    if await step.end.is_reached():
                        break
        except ResyncRequiredError as error:
            return await self._start_over(step, checkpoint, progress, error, sweep)
        return progress

    async def _start_over(
        self,
        step: Step,
        checkpoint: Checkpoint,
        progress: RunProgress,
        error: ResyncRequiredError,
        sweep: Sweep,
    ) -> RunProgress:
        """Read everything, because the provider no longer knows the watermark or the place in its list."""
        restarted = from_the_beginning(checkpoint, progress, error)
        if progress.pages == 0 and sweep is not Sweep.NEVER:  # the page that was refused is numbered too
            await self._sweeper.mark(step.page(mapping_of(step.integration, checkpoint.entity), 0), ())
        await self._checkpoints.save(checkpoint.forgotten(), restarted, step.lease)
        return restarted
