"""The mark of a refresh that has begun: written before its request, so that whoever comes next knows of it.

A lease alone does not do: where its renewal fails, another process takes it while the first still waits for
the answer, and sends the same refresh token. The mark stands in the connection and says until when.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.connection import Connection, RefreshMark
from shared.domain.errors import LeaseHeldError, LeaseLostError, StaleWriteError
from shared.ports.clock import Clock
from shared.repositories.connections import ConnectionRepository

REQUEST_SECONDS = 30.0
"""How long a request for tokens may take from its mark on, whatever the provider's document allows."""

CLOCKS_SECONDS = 5.0
"""By how much the clocks of two instances may differ."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A connection with a mark of ours.

    Attributes:
        connection: As stored.
        fencing_token: Of the lease.
        asked_at, started: When the mark was made, and that on the monotonic clock.
    """

    connection: Connection
    fencing_token: int
    asked_at: datetime
    started: float


class RefreshMarks:
    """Sets marks and keeps to them."""

    def __init__(self, connections: ConnectionRepository, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock

    def require_free(self, connection: Connection, fencing_token: int) -> None:
        """Make sure that no other refresh of the connection is under way.

        Raises:
            LeaseHeldError: One with the same refresh token is not over; carries the seconds until it is.
        """
        mark = connection.refresh
        if mark is None or mark.fencing_token == fencing_token:
            return
        left = (mark.until - self._clock.now()).total_seconds()
        if left > 0 and mark.secret_version == connection.secret_version:
            raise LeaseHeldError("The connection's tokens are being refreshed.", retry_after_seconds=left)

    async def set(self, connection: Connection, fencing_token: int) -> Marked:
        """Store the connection with a mark.

        Raises:
            LeaseLostError: The connection was changed by somebody else; nothing was sent.
        """
        now, started = self._clock.now(), self._clock.monotonic()
        mark = RefreshMark(
            fencing_token=fencing_token,
            secret_version=connection.secret_version,
            until=now + timedelta(seconds=REQUEST_SECONDS + CLOCKS_SECONDS),
        )
        try:
            stored = await self._connections.replace(connection.changed(refresh=mark, updated_at=now))
        except StaleWriteError:
            raise LeaseLostError("The connection was changed by somebody else just now; try again.") from None
        return Marked(stored, fencing_token, now, started)

    def seconds_left(self, marked: Marked) -> float:
        """Return how long the request may take from now on.

        Raises:
            LeaseLostError: It may not be sent any more: its time has passed, and others may send theirs.
        """
        left = marked.started + REQUEST_SECONDS - self._clock.monotonic()
        if left <= 0:
            raise LeaseLostError("The refresh was held up for too long before its request; try again.")
        return left

    async def clear(self, marked: Marked) -> None:
        """Take the mark away; where the connection was changed meanwhile, it is no longer ours to do."""
        try:
            await self._connections.replace(marked.connection.changed(refresh=None))
        except StaleWriteError:
            return
