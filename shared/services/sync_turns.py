"""How many runs are at work at once: so many of a tenant, and so many in all."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.sync import SyncMessage
from shared.resilience.turns import Turns
from shared.services.sync_requests import SyncRequests

MAX_RUNS = 50
"""Runs at work at once, of all tenants (guide, "Concurrent Request Limits")."""

_SYSTEM = "system"


class SyncTurns:
    """Lets runs begin and go on, and calls the next when one ends.

    A run asks for its tenant's turn first and for the system's then. Who has the system's never waits for a
    tenant's, so nobody waits in a circle; a run that loses its tenant's turn gives the system's back.

    Args:
        turns: The lines.
        requests: Enqueues the step of a run whose turn it is.
        max_runs_per_tenant: How many runs of one tenant are at work at once.
        max_runs: How many of all tenants.
    """

    def __init__(
        self, turns: Turns, requests: SyncRequests, max_runs_per_tenant: int, max_runs: int = MAX_RUNS
    ) -> None:
        self._turns = turns
        self._requests = requests
        self._max_runs_per_tenant = max_runs_per_tenant
        self._max_runs = max_runs

    async def enter(self, message: SyncMessage) -> bool:
        """Return whether a run's step may work now. If not, its message is kept and sent when its turn comes.

        Raises:
            LeaseHeldError: Too many are waiting; ask again later.
        """
        key, note = message.execution_id, message.model_dump_json(by_alias=True)
        own = await self._turns.enter(message.tenant_id, self._max_runs_per_tenant, key, note)
        if not own.granted:
            await self._leave_system(key)
            await self._call(own.called)
            return False
        everyone = await self._turns.enter(_SYSTEM, self._max_runs, key, note)
        await self._call((*own.called, *everyone.called))
        return everyone.granted

    async def leave(self, message: SyncMessage) -> None:
        """Give a run's turn back. Idempotent; a crash before it costs the others at most `TURN_SECONDS`."""
        key = message.execution_id
        await self._leave_system(key)
        await self._call(await self._turns.leave(message.tenant_id, self._max_runs_per_tenant, key))

    async def _leave_system(self, key: str) -> None:
        await self._call(await self._turns.leave(_SYSTEM, self._max_runs, key))

    async def _call(self, notes: Sequence[str]) -> None:
        """Send what waited again: a new message, as the one before it is done."""
        for note in notes:
            message = SyncMessage.model_validate_json(note, extra="ignore")
            await self._requests.send(message.model_copy(update={"wait": message.wait + 1}))
