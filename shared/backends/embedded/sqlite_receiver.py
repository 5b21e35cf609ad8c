"""Receivers of the embedded queue: of a queue, a dead-letter sub-queue, or one session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from shared.backends.embedded.queue_engine import QueueEngine
from shared.backends.embedded.queue_ledger import Lock, QueueLedger
from shared.backends.embedded.queue_schema import Place, from_micros
from shared.backends.embedded.queue_sessions import (
    HeldSession,
    release_session,
    renew_session,
    session_locked_until,
)
from shared.backends.message_rules import check_dead_letter, check_receive
from shared.ports.queue import ReceivedMessage


class SqliteReceiver:
    """Receives from one place; implements `MessageReceiver`."""

    def __init__(self, engine: QueueEngine, place: Place) -> None:
        """Receive from `place`; nothing is locked yet."""
        self._engine = engine
        self._place = place
        self._closed = False
        # Touched inside transactions only: those run one after the other, in the queue's thread.
        self._held: set[Lock] = set()

    async def receive(self, max_messages: int, wait_seconds: float) -> Sequence[ReceivedMessage]:
        """Lock and return up to `max_messages`; wait up to `wait_seconds` for the first.

        Raises:
            InvalidRequestError: `max_messages` is less than 1.
            InvalidStateError: The receiver is closed.
            LeaseLostError: It is a session's, whose lock ran out.
            UnavailableError: The disk refuses, or the queue is closed.
        """
        check_receive(max_messages, closed=self._closed)
        return await self._engine.poll(
            self._place, partial(self._take, max_messages), self._give_back, wait_seconds
        )

    async def complete(self, message: ReceivedMessage) -> None:
        """Remove the message: its work is done."""
        await self._settle(message, QueueLedger.complete)

    async def abandon(self, message: ReceivedMessage) -> None:
        """Give the message back now; it moves to the dead-letter sub-queue after the last delivery."""
        await self._settle(message, QueueLedger.abandon)

    async def dead_letter(self, message: ReceivedMessage, reason: str, description: str) -> None:
        """Move the message to the dead-letter sub-queue; one that comes from there goes back as it was.

        Raises:
            InvalidRequestError: `reason` or `description` is over 4,096 characters.
            LeaseLostError: The lock ran out.
        """
        check_dead_letter(reason, description)
        await self._settle(message, lambda ledger, lock: ledger.dead_letter(lock, reason, description))

    async def renew(self, message: ReceivedMessage) -> datetime:
        """Lock the message for another period, and return its new end."""
        until = await self._engine.run(partial(self._renew, Lock.of(message)))
        return from_micros(until)

    async def close(self) -> None:
        """Give back what is not settled. Each such delivery counts. Idempotent."""
        if self._closed or self._engine.closed:
            return
        self._closed = True
        await self._engine.run(self._let_go)

    async def _settle(self, message: ReceivedMessage, how: Callable[[QueueLedger, Lock], None]) -> None:
        lock = Lock.of(message)

        def settle(ledger: QueueLedger) -> None:
            how(ledger, lock)
            self._held.discard(lock)

        await self._engine.run(settle)

    def _take(self, limit: int, ledger: QueueLedger) -> list[ReceivedMessage]:
        # A receiver that was closed while it waited must not lock what nobody would release.
        messages = [] if self._closed else self._lock(ledger, limit)
        self._held.update(Lock.of(message) for message in messages)
        return messages

    def _lock(self, ledger: QueueLedger, limit: int) -> list[ReceivedMessage]:
        return ledger.lock_waiting(self._place, limit)

    def _give_back(self, ledger: QueueLedger, messages: Sequence[ReceivedMessage]) -> None:
        locks = {Lock.of(message) for message in messages}
        ledger.release(locks)
        self._held -= locks

    def _renew(self, lock: Lock, ledger: QueueLedger) -> int:
        until = ledger.lock_end(self._place.queue)
        ledger.renew(lock, until)
        return until

    def _let_go(self, ledger: QueueLedger) -> None:
        ledger.release(self._held)
        self._held.clear()


class SqliteSessionReceiver(SqliteReceiver):
    """Receives one session, in order. Its messages are locked for as long as the session is."""

    def __init__(self, engine: QueueEngine, session: HeldSession) -> None:
        """Receive a session that is locked already."""
        super().__init__(engine, Place(session.queue, dead=False))
        self._session = session

    def _lock(self, ledger: QueueLedger, limit: int) -> list[ReceivedMessage]:
        until = session_locked_until(ledger, self._session)
        return ledger.lock_in_session(self._session.queue, self._session.session_id, until, limit)

    def _renew(self, _message: Lock, ledger: QueueLedger) -> int:
        # Only the session counts: a renewal that comes just after its message was settled is right too.
        until = renew_session(ledger, self._session)
        ledger.extend(self._held, until)
        return until

    def _let_go(self, ledger: QueueLedger) -> None:
        super()._let_go(ledger)
        release_session(ledger, self._session)
