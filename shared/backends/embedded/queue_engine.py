"""Transactions on the queue's file, and waiting for what they change."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import count
from typing import TypeVar

from shared.backends.embedded.queue_ledger import QueueLedger
from shared.backends.embedded.queue_schema import Place
from shared.backends.embedded.sqlite_connection import SqliteDatabase
from shared.domain.errors import RetryableError
from shared.domain.queues import Queue
from shared.ports.clock import Clock

T = TypeVar("T")


class QueueEngine:
    """What a queue and its receivers share."""

    def __init__(
        self,
        database: SqliteDatabase,
        queues: Mapping[str, Queue],
        clock: Clock,
        longest_pause_seconds: float,
    ) -> None:
        self.queues = queues
        self.holders = count(1)
        """Numbers for holders of sessions."""
        self._database = database
        self._clock = clock
        self._longest_pause_seconds = longest_pause_seconds
        self._doorbells: dict[Place, asyncio.Event] = {}

    @property
    def closed(self) -> bool:
        """True once `close` was called."""
        return self._database.closed

    async def run(self, work: Callable[[QueueLedger], T]) -> T:
        """Run `work` in a transaction, wake those whom its changes concern, and return its result.

        Raises:
            UnavailableError: The disk refuses, or the queue is closed.
            ConfigurationError: The file is damaged.
        """

        def transaction(sqlite: sqlite3.Connection) -> tuple[T, Iterable[Place]]:
            ledger = QueueLedger(sqlite, self.queues, self._clock.now())
            ledger.catch_up()
            return work(ledger), ledger.refilled

        result, refilled = await self._database.write(transaction)
        self._ring(refilled)
        return result

    async def poll(
        self,
        place: Place,
        take: Callable[[QueueLedger], T],
        give_back: Callable[[QueueLedger, T], None],
        wait_seconds: float,
    ) -> T:
        """Run `take` until its result is true or `wait_seconds` have passed, and return the result.

        The wait is the caller's patience, in the event loop's time. What changes with time (due messages,
        ended locks) follows the clock, which a test may hold still.

        Args:
            place: Whose changes are worth another look.
            take: Locks something; its result is false if there was nothing.
            give_back: Releases what `take` locked for a caller that was cancelled.
            wait_seconds: 0 looks once.

        Raises:
            UnavailableError, ConfigurationError: As `run`.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + wait_seconds
        while True:
            # Before looking, so that nothing arrives unheard in between.
            doorbell = self._doorbells.setdefault(place, asyncio.Event())
            taken, pause_seconds = await self._take(take, give_back)
            left_seconds = give_up_at - loop.time()
            if taken or left_seconds <= 0:
                return taken
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left_seconds, pause_seconds)):
                    await doorbell.wait()

    async def close(self) -> None:
        """Close the file; who waits is told at once. Idempotent."""
        await self._database.close()
        self._ring(tuple(self._doorbells))

    async def _take(
        self, take: Callable[[QueueLedger], T], give_back: Callable[[QueueLedger, T], None]
    ) -> tuple[T, float]:
        taken: list[T] = []

        def work(ledger: QueueLedger) -> tuple[T, float]:
            taken.append(take(ledger))
            return taken[0], 0.0 if taken[0] else self._pause_seconds(ledger)

        def undo(ledger: QueueLedger) -> None:
            for each in taken:
                give_back(ledger, each)

        try:
            return await self.run(work)
        except asyncio.CancelledError:
            # The thread may have taken what nobody will see now. It works in order: this comes after it.
            with suppress(RetryableError):
                await self.run(undo)
            raise

    def _pause_seconds(self, ledger: QueueLedger) -> float:
        # The longest pause covers what rings no bell: locks and messages that came after this look, a sender
        # that was cancelled before it could ring, a clock that jumped.
        seconds = ledger.seconds_to_next_change()
        return self._longest_pause_seconds if seconds is None else min(seconds, self._longest_pause_seconds)

    def _ring(self, places: Iterable[Place]) -> None:
        for place in places:
            if doorbell := self._doorbells.pop(place, None):
                doorbell.set()
