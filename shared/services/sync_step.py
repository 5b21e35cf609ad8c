"""What the parts of one step of a run share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.domain.errors import RunTooLargeError
from shared.domain.integration import EntityMapping, Integration
from shared.domain.sync import RunProgress, SyncExecution
from shared.ports.clock import Clock
from shared.resilience.lease import Lease
from shared.services.page_intake import PageContext

LOOK_SECONDS = 5.0
"""A cancelled run writes on for so long, and for the page in hand; each look is a read of its record."""


class StepEnd:
    """Tells a step when to begin nothing more: its time is over, or its run has ended, as by being cancelled.

    Args:
        clock: Time.
        max_seconds: How long the step may go on from now.
        has_ended: Looks at the run's record.
    """

    def __init__(self, clock: Clock, max_seconds: float, has_ended: Callable[[], Awaitable[bool]]) -> None:
        self._clock = clock
        self._deadline = clock.monotonic() + max_seconds
        self._next_look = clock.monotonic() + LOOK_SECONDS
        self._has_ended = has_ended

    async def is_reached(self) -> bool:
        """Return whether to stop. What the step then writes to the run's record finds the run ended."""
        now = self._clock.monotonic()
        if now >= self._deadline:
            return True
        if now < self._next_look:
            return False
        self._next_look = now + LOOK_SECONDS
        return await self._has_ended()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run, under the lease of its integration. It begins nothing new after its `end`.

    Attributes:
        read: How many records the run had read before, of all entities.
    """

    execution: SyncExecution
    integration: Integration
    lease: Lease
    end: StepEnd
    read: int

    def page(self, mapping: EntityMapping, number: int) -> PageContext:
        """Return where a page of the run belongs."""
        tenant_id = self.execution.tenant_id
        return PageContext(tenant_id, self.integration, self.execution.id, mapping, number, self.lease)

    def room_after(self, progress: RunProgress) -> RunRoom:
        """Return how much the run may read, given how far the entity at work was when the step began."""
        limit = self.integration.sync_config.max_records_per_run
        return RunRoom(limit, others=self.read - progress.counts.read)


@dataclass(frozen=True, slots=True)
class RunRoom:
    """How much one run may read.

    Attributes:
        limit: The most records of the run, and the most pages of one entity.
        others: How many records it has read of entities besides the one at work.
    """

    limit: int
    others: int

    def require(self, progress: RunProgress, records: int) -> None:
        """Make sure that there is room for one more page with so many records.

        Raises:
            RunTooLargeError: There is none.
        """
        if self.others + progress.counts.read + records > self.limit or progress.pages >= self.limit:
            raise RunTooLargeError(
                f"The run reads more than {self.limit} records or pages; what it stored is kept. If the"
                " source has so many, raise `syncConfig.maxRecordsPerRun` of the integration; if not, it goes"
                " on without an end: correct `pagination` in the provider's document."
            )
