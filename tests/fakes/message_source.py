"""Queues in memory that show what a receiving host did with them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain.errors import LeaseLostError
from shared.ports.clock import Clock
from shared.ports.queue import PropertyValue, ReceivedMessage


@dataclass(frozen=True)
class _Place:
    queue: str
    dead_letter: bool = False
    session_id: str | None = None


@dataclass
class FakeMessageSource:
    """Holds messages; `idle` tells whether an empty session's `receive` returns, as if its wait were over."""

    clock: Clock
    lock_seconds: float = 300.0
    idle: bool = True
    failures: deque[Exception] = field(default_factory=deque)
    completed: list[str] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)
    renewed_at: list[datetime] = field(default_factory=list)
    opened: list[tuple[str, bool]] = field(default_factory=list)
    closed: list[str | None] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    most_locked: int = 0
    lost: set[str] = field(default_factory=set)
    _waiting: dict[_Place, deque[ReceivedMessage]] = field(default_factory=dict)
    _held_sessions: set[_Place] = field(default_factory=set)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _sequence: int = 0

    async def add(
        self,
        queue: str,
        message_id: str,
        body: bytes = b"{}",
        *,
        session_id: str | None = None,
        dead_letter: bool = False,
        properties: Mapping[str, PropertyValue] | None = None,
        dead_letter_reason: str | None = None,
    ) -> None:
        self._sequence += 1
        now = self.clock.now()
        message = ReceivedMessage(
            body=body,
            message_id=message_id,
            session_id=session_id,
            properties=properties or {},
            sequence_number=self._sequence,
            delivery_count=0,
            enqueued_at=now,
            expires_at=now + timedelta(days=14),
            locked_until=now,
            lock_token="",
            dead_letter_reason=dead_letter_reason,
        )
        self._place(_Place(queue, dead_letter, session_id)).append(message)
        await self.changed()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the host has brought about `condition`."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def open(self, queue: str, *, dead_letter: bool = False) -> FakeReceiver:
        self.fail_if_asked()
        self.opened.append((queue, dead_letter))
        return FakeReceiver(self, _Place(queue, dead_letter))

    async def open_next_session(self, queue: str, wait_seconds: float) -> FakeReceiver | None:
        del wait_seconds
        self.fail_if_asked()
        await self.until(lambda: self._free_session(queue) is not None)
        place = self._free_session(queue)
        if place is None:
            return None
        self._held_sessions.add(place)
        self.opened.append((f"{queue}/{place.session_id}", False))
        return FakeReceiver(self, place)

    def fail_if_asked(self) -> None:
        if self.failures:
            raise self.failures.popleft()

    async def changed(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _place(self, place: _Place) -> deque[ReceivedMessage]:
        return self._waiting.setdefault(place, deque())

    def _free_session(self, queue: str) -> _Place | None:
        sessions = (
            place
            for place, messages in self._waiting.items()
            if messages and place.queue == queue and place.session_id and place not in self._held_sessions
        )
        return next(sessions, None)


class FakeReceiver:
    """Reads one place of a FakeMessageSource."""

    def __init__(self, source: FakeMessageSource, place: _Place) -> None:
        self._source = source
        self._place = place

    async def receive(self, max_messages: int, wait_seconds: float) -> Sequence[ReceivedMessage]:
        del wait_seconds
        source = self._source
        source.fail_if_asked()
        waiting = source._place(self._place)
        if not (self._place.session_id and source.idle):
            await source.until(lambda: bool(waiting))
        taken = [self._lock(waiting.popleft()) for _ in range(min(max_messages, len(waiting)))]
        source.locked += [message.message_id for message in taken]
        source.most_locked = max(source.most_locked, len(source.locked))
        return taken

    async def complete(self, message: ReceivedMessage) -> None:
        self._settle(message)
        self._source.completed.append(message.message_id)
        await self._source.changed()

    async def abandon(self, message: ReceivedMessage) -> None:
        self._settle(message)
        self._source.abandoned.append(message.message_id)
        self._source._place(self._place).appendleft(message)
        await self._source.changed()

    async def dead_letter(self, message: ReceivedMessage, reason: str, description: str) -> None:
        raise NotImplementedError("a Functions host never dead-letters by itself")

    async def renew(self, message: ReceivedMessage) -> datetime:
        self._source.fail_if_asked()
        self._check_lock(message)
        self._source.renewed_at.append(self._source.clock.now())
        await self._source.changed()
        return self._locked_until()

    async def close(self) -> None:
        self._source.closed.append(self._place.session_id)
        self._source._held_sessions.discard(self._place)
        await self._source.changed()

    def _lock(self, message: ReceivedMessage) -> ReceivedMessage:
        count = message.delivery_count + 1
        token = f"{message.message_id}-{count}"
        return replace(message, delivery_count=count, lock_token=token, locked_until=self._locked_until())

    def _locked_until(self) -> datetime:
        return self._source.clock.now() + timedelta(seconds=self._source.lock_seconds)

    def _check_lock(self, message: ReceivedMessage) -> None:
        if message.message_id in self._source.lost:
            raise LeaseLostError("the lock ran out")

    def _settle(self, message: ReceivedMessage) -> None:
        self._source.locked.remove(message.message_id)
        self._check_lock(message)
