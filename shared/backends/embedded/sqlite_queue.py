"""The queues of one laptop: durable, in one SQLite file, with Service Bus's peek-lock behaviour."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from shared.backends.embedded.queue_engine import QueueEngine
from shared.backends.embedded.queue_ledger import QueueLedger
from shared.backends.embedded.queue_schema import LOCKED, SCHEDULED, WAITING, Place, create_tables
from shared.backends.embedded.queue_sessions import HeldSession, release_session, take_next_session
from shared.backends.embedded.sqlite_connection import SqliteDatabase
from shared.backends.embedded.sqlite_receiver import SqliteReceiver, SqliteSessionReceiver
from shared.backends.message_rules import check_messages, declared_queue, openable_queue, session_queue
from shared.domain.errors import ConfigurationError
from shared.domain.queues import QUEUES, Queue
from shared.ports.clock import Clock
from shared.ports.queue import OutgoingMessage

BUSY_TIMEOUT_SECONDS = 1.0
"""How long to wait for another process's lock on the file before giving up."""

LONGEST_PAUSE_SECONDS = 1.0
"""How long a waiting receiver lies still at most before it looks again of its own accord."""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many messages a queue holds. `active` are those waiting or locked."""

    active: int
    scheduled: int
    dead_lettered: int


class SqliteQueue:
    """All declared queues in one file: implements `MessageSender`; `source` is the `MessageSource`.

    Exactly one process owns the file. A message that was sent survives the process's death at any line; a
    power cut may take the last moments (`synchronous=NORMAL`).
    """

    def __init__(self, engine: QueueEngine) -> None:
        """Use `open` instead."""
        self._engine = engine
        self.source = SqliteSource(engine)

    @classmethod
    async def open(
        cls,
        path: Path,
        clock: Clock,
        *,
        queues: Mapping[str, Queue] = QUEUES,
        longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
    ) -> Self:
        """Open the file, or create it, and release every lock that an earlier process left in it.

        Raises:
            UnavailableError: Another process has the file, or the disk refuses.
            ConfigurationError: The file is no queue of this version, or holds messages of undeclared queues.
        """
        database = await SqliteDatabase.open(
            path,
            partial(_take_over, queues, clock),
            readers=0,  # every look at a queue also lets time catch up, which writes
            exclusive=True,  # opening releases every lock in the file: two owners would undo each other's
            busy_timeout_seconds=BUSY_TIMEOUT_SECONDS,
        )
        return cls(QueueEngine(database, queues, clock, longest_pause_seconds))

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        """Store the messages in order, all of them or none.

        Raises:
            ConfigurationError: The queue is not declared.
            InvalidRequestError: A message breaks the port's limits or the queue's session rule.
            UnavailableError: The disk refuses, or the queue is closed.
        """
        declared = declared_queue(self._engine.queues, queue)
        check_messages(declared, messages)
        await self._engine.run(lambda ledger: ledger.send(declared, messages))

    async def depth(self, queue: str) -> QueueDepth:
        """Count a queue's messages: the embedded operator's view, which in Azure is the portal's.

        Raises:
            ConfigurationError: The queue is not declared.
            UnavailableError: The disk refuses, or the queue is closed.
        """
        name = declared_queue(self._engine.queues, queue).name
        counts = await self._engine.run(lambda ledger: ledger.counts(name))
        return QueueDepth(
            active=counts.get((0, WAITING), 0) + counts.get((0, LOCKED), 0),
            scheduled=counts.get((0, SCHEDULED), 0),
            dead_lettered=sum(count for (dead, _), count in counts.items() if dead),
        )

    async def close(self) -> None:
        """Close the file; what is locked stays so until the next opening. Idempotent."""
        await self._engine.close()


class SqliteSource:
    """The receiving half of a `SqliteQueue`; implements `MessageSource`."""

    def __init__(self, engine: QueueEngine) -> None:
        """Use `SqliteQueue.source` instead."""
        self._engine = engine

    async def open(self, queue: str, *, dead_letter: bool = False) -> SqliteReceiver:
        """Open a queue without sessions, or any queue's dead-letter sub-queue.

        Raises:
            ConfigurationError: The queue is not declared, or has sessions.
        """
        openable_queue(self._engine.queues, queue, dead_letter=dead_letter)
        return SqliteReceiver(self._engine, Place(queue, dead_letter))

    async def open_next_session(self, queue: str, wait_seconds: float) -> SqliteSessionReceiver | None:
        """Lock the session that has waited longest; None if none came within `wait_seconds`.

        Raises:
            ConfigurationError: The queue is not declared, or has no sessions.
            UnavailableError: The disk refuses, or the queue is closed.
        """
        session_queue(self._engine.queues, queue)
        holder = next(self._engine.holders)
        session = await self._engine.poll(
            Place(queue, dead=False),
            lambda ledger: take_next_session(ledger, queue, holder),
            _give_back,
            wait_seconds,
        )
        return SqliteSessionReceiver(self._engine, session) if session else None


def _give_back(ledger: QueueLedger, session: HeldSession | None) -> None:
    if session:
        release_session(ledger, session)


def _take_over(queues: Mapping[str, Queue], clock: Clock, sqlite: sqlite3.Connection) -> None:
    sqlite.row_factory = sqlite3.Row
    create_tables(sqlite)
    _refuse_undeclared(queues, sqlite)
    # This process alone has the file, so whoever took the locks is dead: work goes on at once instead of when
    # they run out. Their deliveries stay counted, so that a message that kills the process is dead-lettered
    # in the end.
    QueueLedger(sqlite, queues, clock.now()).release_all()


def _refuse_undeclared(queues: Mapping[str, Queue], sqlite: sqlite3.Connection) -> None:
    found = {name for (name,) in sqlite.execute("SELECT DISTINCT queue FROM messages")}
    if undeclared := sorted(found - queues.keys()):
        raise ConfigurationError(
            f"The queue file holds messages of queues that are not declared: {', '.join(undeclared)}. "
            "Declare them until they are empty, or begin with a new file"
        )
