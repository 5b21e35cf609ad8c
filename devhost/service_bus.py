"""Receives queue messages for Service Bus functions: with sessions, or without."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from devhost.backoff import Backoff
from devhost.indexing import QueueTrigger
from devhost.message_handler import MessageHandler
from devhost.tasks import TaskSet
from shared.ports.queue import MessageReceiver, MessageSource, ReceivedMessage

_logger = logging.getLogger("devhost.service_bus")

_WAIT_SECONDS = 30.0
"""How long one call waits for a message: a long poll, not a delay."""

_MARGIN_SECONDS = 60.0
"""What a call may take beyond its wait; opening a session takes the Azure SDK up to 20 s on its own."""


class QueueListener:
    """Handles up to `max_calls` messages of a queue, or of a dead-letter sub-queue, at a time."""

    def __init__(
        self,
        trigger: QueueTrigger,
        source: MessageSource,
        handler: MessageHandler,
        backoff: Backoff,
        max_calls: int,
    ) -> None:
        self._trigger = trigger
        self._source = source
        self._handler = handler
        self._backoff = backoff
        self._max_calls = max_calls
        self._in_hand = TaskSet()
        self._receiver: MessageReceiver | None = None

    async def run(self) -> None:
        """Receive until cancelled; messages in hand then stay in hand until `stop`."""
        queue = self._trigger.queue
        receiver = self._receiver = await self._backoff.until_it_works(f"Opening queue {queue}", self._open)
        while True:
            await self._in_hand.wait_until_below(self._max_calls)
            messages = await self._backoff.until_it_works(
                f"Receiving from queue {queue}", lambda: _receive(receiver, self._free, _WAIT_SECONDS)
            )
            for message in messages:
                self._in_hand.spawn(self._handler.handle(receiver, message))

    async def stop(self, grace_seconds: float) -> None:
        """Let messages in hand finish within `grace_seconds`, then give them back."""
        await self._in_hand.finish(grace_seconds)
        if self._receiver is not None:
            await _close(self._receiver)

    @property
    def _free(self) -> int:
        """Never lock a message that no call is free for: it would only age."""
        return self._max_calls - len(self._in_hand)

    async def _open(self) -> MessageReceiver:
        async with asyncio.timeout(_MARGIN_SECONDS):
            return await self._source.open(self._trigger.queue, dead_letter=self._trigger.dead_letter)


class SessionListener:
    """Handles up to `max_sessions` sessions of a queue at a time, each one's messages singly and in order."""

    def __init__(
        self,
        trigger: QueueTrigger,
        source: MessageSource,
        handler: MessageHandler,
        backoff: Backoff,
        max_sessions: int,
        idle_seconds: float,
    ) -> None:
        self._queue = trigger.queue
        self._source = source
        self._handler = handler
        self._backoff = backoff
        self._max_sessions = max_sessions
        self._idle_seconds = idle_seconds
        self._sessions = TaskSet()
        self._waiting: set[asyncio.Task[Sequence[ReceivedMessage]]] = set()
        self._stopping = False

    async def run(self) -> None:
        """Take sessions until cancelled; those in hand then go on until `stop`."""
        while True:
            await self._sessions.wait_until_below(self._max_sessions)
            receiver = await self._backoff.until_it_works(
                f"Opening a session of {self._queue}", self._open_next
            )
            if receiver is not None:
                self._sessions.spawn(self._drain(receiver))

    async def stop(self, grace_seconds: float) -> None:
        """Let the message in hand of each session finish within `grace_seconds`, then give it back."""
        self._stopping = True
        for receiving in self._waiting:
            receiving.cancel()
        await self._sessions.finish(grace_seconds)

    async def _open_next(self) -> MessageReceiver | None:
        async with asyncio.timeout(_WAIT_SECONDS + _MARGIN_SECONDS):
            return await self._source.open_next_session(self._queue, _WAIT_SECONDS)

    async def _drain(self, receiver: MessageReceiver) -> None:
        try:
            while not self._stopping:
                message = await self._next(receiver)
                if message is None or not await self._handler.handle(receiver, message):
                    return
        finally:
            await _close(receiver)

    async def _next(self, receiver: MessageReceiver) -> ReceivedMessage | None:
        """Return the session's next message, or None when it is idle or broken: another host may have it."""
        receiving = asyncio.create_task(_receive(receiver, 1, self._idle_seconds))
        self._waiting.add(receiving)
        try:
            messages = await receiving
        except Exception:
            _logger.exception("Receiving from a session of %s failed; it is released", self._queue)
            await self._backoff.pause(0)
            return None
        finally:
            self._waiting.discard(receiving)
        return messages[0] if messages else None


async def _receive(
    receiver: MessageReceiver, max_messages: int, wait_seconds: float
) -> Sequence[ReceivedMessage]:
    async with asyncio.timeout(wait_seconds + _MARGIN_SECONDS):
        return await receiver.receive(max_messages, wait_seconds)


async def _close(receiver: MessageReceiver) -> None:
    try:
        async with asyncio.timeout(_MARGIN_SECONDS):
            await receiver.close()
    except Exception:
        _logger.exception("A receiver could not be closed; what it holds is released when its lock ends")
