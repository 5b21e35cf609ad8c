"""What happens to messages in the queue's file, inside one transaction.

A message is scheduled, waiting or locked, and lies in a queue or in its dead-letter sub-queue. Every
transaction first lets time catch up: what became due, expired or lost its lock since the last one moves on,
so that no other statement needs to compare times.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

from shared.backends.embedded.queue_schema import (
    LOCKED,
    SCHEDULED,
    SECOND,
    WAITING,
    Place,
    to_message,
    to_micros,
)
from shared.domain.errors import LeaseLostError
from shared.domain.queues import Queue
from shared.ports.queue import OutgoingMessage, ReceivedMessage

_PURGED_AT_ONCE = 1000
"""Ids that one send forgets at most, so that no send pays for a whole burst of messages before it."""

_INSERT = """
INSERT INTO messages
    (sequence, queue, state, deadline, message_id, session_id, enqueued_at, expires_at, properties, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_REMEMBER_ID = """
INSERT INTO recent_ids VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET forget_at = excluded.forget_at WHERE forget_at <= ?
"""

_FORGET_IDS = """
DELETE FROM recent_ids WHERE (queue, message_id) IN
    (SELECT queue, message_id FROM recent_ids WHERE forget_at <= ? LIMIT ?)
"""

_SELECT_WAITING = """
SELECT sequence FROM messages INDEXED BY messages_by_state
WHERE queue = ? AND dead = ? AND state = 1 ORDER BY sequence LIMIT ?
"""

_SELECT_WAITING_IN_SESSION = """
SELECT sequence FROM messages INDEXED BY messages_by_session
WHERE queue = ? AND session_id = ? AND dead = 0 AND state = 1 ORDER BY sequence LIMIT ?
"""

_LOCK = """
UPDATE messages SET state = 2, deadline = ?, lock_token = ?, delivery_count = delivery_count + 1
WHERE sequence = ? RETURNING *
"""

_WAIT = "UPDATE messages SET sequence = ?, state = 1, deadline = ?, lock_token = NULL WHERE sequence = ?"

_BURY = """
UPDATE messages SET dead = 1, state = 1, deadline = NULL, lock_token = NULL,
    dead_letter_reason = ?, dead_letter_description = ?
WHERE sequence = ?
"""

# "IS NOT NULL" looks needless, but lets SQLite use the partial index.
_NEXT_DEADLINE = """
SELECT min(at) FROM (
    SELECT min(deadline) AS at FROM messages WHERE deadline IS NOT NULL
    UNION ALL
    SELECT min(locked_until) FROM sessions
)
"""


class Lock(NamedTuple):
    """One delivery of one message. The token is new for each; the number finds the row."""

    sequence: int
    token: str

    @classmethod
    def of(cls, message: ReceivedMessage) -> Lock:
        """Return the lock that came with a message."""
        return cls(message.sequence_number, message.lock_token)


class QueueLedger:
    """The messages of every queue, for the length of one transaction."""

    def __init__(self, sqlite: sqlite3.Connection, queues: Mapping[str, Queue], now: datetime) -> None:
        """Look at the file as of `now`."""
        self.execute = sqlite.execute
        self.now = to_micros(now)
        self.refilled: set[Place] = set()
        """Places where this transaction made a message or a session available."""
        self._queues = queues

    def catch_up(self) -> None:
        """Apply what time has changed since the transaction before."""
        ended = "DELETE FROM sessions WHERE locked_until <= ? RETURNING queue"
        self.refilled.update(Place(queue, dead=False) for (queue,) in self.execute(ended, (self.now,)))
        due = "SELECT * FROM messages WHERE deadline <= ? ORDER BY deadline, sequence"
        # Again, because a message may have expired while it was scheduled or locked.
        while rows := self.execute(due, (self.now,)).fetchall():
            for row in rows:
                self._pass_deadline(row)

    def release_all(self) -> None:
        """Let every lock run out now."""
        self.execute("DELETE FROM sessions")
        self.execute("UPDATE messages SET deadline = ? WHERE state = 2", (self.now,))
        self.catch_up()

    def send(self, queue: Queue, messages: Iterable[OutgoingMessage]) -> None:
        """Store messages in order, less those whose id was sent within the duplicate-detection window."""
        self.execute(_FORGET_IDS, (self.now, _PURGED_AT_ONCE))
        forget_at = self.now + queue.duplicate_detection_seconds * SECOND
        for message in messages:
            seen = (queue.name, message.message_id, forget_at, self.now)
            if self.execute(_REMEMBER_ID, seen).rowcount:
                self._insert(queue, message)

    def lock_waiting(self, place: Place, limit: int) -> list[ReceivedMessage]:
        """Lock the oldest waiting messages for the queue's lock period."""
        sequences = self.execute(_SELECT_WAITING, (*place, limit)).fetchall()
        return self._lock(sequences, self.lock_end(place.queue))

    def lock_in_session(
        self, queue: str, session_id: str, locked_until: int, limit: int
    ) -> list[ReceivedMessage]:
        """Lock a session's oldest waiting messages for as long as the session."""
        sequences = self.execute(_SELECT_WAITING_IN_SESSION, (queue, session_id, limit)).fetchall()
        return self._lock(sequences, locked_until)

    def lock_end(self, queue: str) -> int:
        """Return when a lock that is taken or renewed now runs out."""
        return self.now + self._queues[queue].lock_seconds * SECOND

    def complete(self, lock: Lock) -> None:
        """Remove a locked message.

        Raises:
            LeaseLostError: The lock ran out.
        """
        self.execute("DELETE FROM messages WHERE sequence = ?", (self._locked(lock)["sequence"],))

    def abandon(self, lock: Lock) -> None:
        """Give a locked message back, or dead-letter it after its last delivery.

        Raises:
            LeaseLostError: The lock ran out.
        """
        self._release(self._locked(lock))

    def dead_letter(self, lock: Lock, reason: str, description: str) -> None:
        """Move a locked message to the dead-letter sub-queue; one that comes from there goes back as it was.

        Raises:
            LeaseLostError: The lock ran out.
        """
        row = self._locked(lock)
        if row["dead"]:
            self._release(row)
        else:
            self._bury(row, reason, description)

    def renew(self, lock: Lock, locked_until: int) -> None:
        """Let a lock run out at another time.

        Raises:
            LeaseLostError: It has run out already.
        """
        self._locked(lock)
        self.extend([lock], locked_until)

    def extend(self, locks: Iterable[Lock], locked_until: int) -> None:
        """Let those of the locks that are still held run out at another time."""
        update = "UPDATE messages SET deadline = ? WHERE sequence = ? AND lock_token = ?"
        for lock in locks:
            self.execute(update, (locked_until, *lock))

    def release(self, locks: Iterable[Lock]) -> None:
        """Give back those of the messages that are still locked."""
        for lock in locks:
            if row := self._find_locked(lock):
                self._release(row)

    def seconds_to_next_change(self) -> float | None:
        """Return how long until time alone changes something; None if it never does."""
        (deadline,) = self.execute(_NEXT_DEADLINE).fetchone()
        return None if deadline is None else (deadline - self.now) / SECOND

    def counts(self, queue: str) -> Mapping[tuple[int, int], int]:
        """Return how many messages a queue has, by the columns `dead` and `state`."""
        select = "SELECT dead, state, count(*) FROM messages WHERE queue = ? GROUP BY dead, state"
        return {(dead, state): count for dead, state, count in self.execute(select, (queue,))}

    def _insert(self, queue: Queue, message: OutgoingMessage) -> None:
        due_at = max(self.now, to_micros(message.scheduled_at)) if message.scheduled_at else self.now
        own_seconds = message.time_to_live_seconds
        seconds = (
            queue.time_to_live_seconds
            if own_seconds is None
            else min(own_seconds, queue.time_to_live_seconds)
        )
        expires_at = due_at + int(seconds * SECOND)
        ids = (message.message_id, message.session_id)
        content = (json.dumps(dict(message.properties)), message.body)
        state, deadline = (SCHEDULED, due_at) if due_at > self.now else (WAITING, expires_at)
        row = (self._next_sequence(), queue.name, state, deadline, *ids, due_at, expires_at, *content)
        self.execute(_INSERT, row)
        if state == WAITING:
            self.refilled.add(Place(queue.name, dead=False))

    def _next_sequence(self) -> int:
        update = "UPDATE counter SET last_sequence = last_sequence + 1 RETURNING last_sequence"
        sequence: int = self.execute(update).fetchone()[0]
        return sequence

    def _lock(self, sequences: Iterable[sqlite3.Row], locked_until: int) -> list[ReceivedMessage]:
        rows = (self.execute(_LOCK, (locked_until, uuid4().hex, *key)).fetchone() for key in sequences)
        return [to_message(row) for row in rows]

    def _find_locked(self, lock: Lock) -> sqlite3.Row | None:
        select = "SELECT * FROM messages WHERE sequence = ? AND lock_token = ?"
        row: sqlite3.Row | None = self.execute(select, lock).fetchone()
        return row

    def _locked(self, lock: Lock) -> sqlite3.Row:
        row = self._find_locked(lock)
        if row is None:
            raise LeaseLostError("The message's lock ran out: it is, or will be, delivered again")
        return row

    def _pass_deadline(self, row: sqlite3.Row) -> None:
        if row["state"] == LOCKED:
            self._release(row)
        elif row["state"] == WAITING:
            self._expire(row)
        else:
            # A new number, as in Service Bus: the message joins the queue now, behind what is there.
            self._wait(row, self._next_sequence(), deadline=row["expires_at"])

    def _release(self, row: sqlite3.Row) -> None:
        limit = self._queues[row["queue"]].max_delivery_count
        if row["dead"]:
            self._wait(row, row["sequence"], deadline=None)
        elif row["delivery_count"] < limit:
            self._wait(row, row["sequence"], deadline=row["expires_at"])
        else:
            description = f"Message could not be consumed after {limit} delivery attempts."
            self._bury(row, "MaxDeliveryCountExceeded", description)

    def _expire(self, row: sqlite3.Row) -> None:
        if self._queues[row["queue"]].dead_lettering_on_expiration:
            self._bury(row, "TTLExpiredException", "The message expired and was dead lettered.")
        else:
            self.execute("DELETE FROM messages WHERE sequence = ?", (row["sequence"],))

    def _wait(self, row: sqlite3.Row, sequence: int, deadline: int | None) -> None:
        self.execute(_WAIT, (sequence, deadline, row["sequence"]))
        self.refilled.add(Place(row["queue"], bool(row["dead"])))

    def _bury(self, row: sqlite3.Row, reason: str, description: str) -> None:
        self.execute(_BURY, (reason, description, row["sequence"]))
        self.refilled.add(Place(row["queue"], dead=True))
