"""Receivers of Service Bus: of a queue, a dead-letter sub-queue, or one session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver as SdkReceiver

from shared.backends.azure.service_bus_errors import service_bus_call
from shared.backends.azure.service_bus_messages import from_service_bus
from shared.backends.message_rules import check_dead_letter, check_receive
from shared.domain.errors import IntegrationError, LeaseLostError, UnavailableError
from shared.ports.queue import ReceivedMessage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the SDK waits at a time, in seconds.

    Attributes:
        shortest_seconds: What a wait of zero becomes: the SDK knows none, and an answer takes a round trip.
        slice_seconds: How long a waiting receiver keeps its link from settlements and from being cancelled.
        read_seconds: How long the SDK listens before it looks at its deadline (its own default is 0.2).
    """

    shortest_seconds: float = 1.0
    slice_seconds: float = 0.25
    read_seconds: float = 0.2


class ServiceBusReceiver:
    """Receives from one place; implements `MessageReceiver`.

    A receiver that got less than it asked for keeps its credit at Service Bus: the next message may come to
    it although nobody receives. The SDK gives it back within 6 s, uncounted. So keep receiving, or close.
    """

    def __init__(
        self,
        receiver: SdkReceiver,
        timeout_seconds: float,
        waits: Waits,
        on_close: Callable[[SdkReceiver], None],
    ) -> None:
        """Receive with an SDK receiver that is open; each call takes up to `timeout_seconds`."""
        self._receiver = receiver
        self._timeout_seconds = timeout_seconds
        self._waits = waits
        self._on_close = on_close
        self._held: dict[str, ServiceBusReceivedMessage] = {}
        self._closed = False
        # The SDK's receiver serves one caller at a time; turns are given in the order they were asked for.
        self._turn = asyncio.Lock()

    async def receive(self, max_messages: int, wait_seconds: float) -> Sequence[ReceivedMessage]:
        """Lock and return up to `max_messages`; wait up to `wait_seconds` for the first.

        Raises:
            InvalidRequestError: `max_messages` is less than 1.
            InvalidStateError: The receiver is closed.
            LeaseLostError: It is a session's, whose lock ran out.
            UnavailableError: No answer in time, or a broken connection; the next call opens another.
            ThrottledError: The namespace is busy.
        """
        left = max(wait_seconds, self._waits.shortest_seconds)
        now = asyncio.get_running_loop().time
        end = now() + left
        while left > 0:
            check_receive(max_messages, closed=self._closed)
            if messages := await self._receive_within(max_messages, min(left, self._waits.slice_seconds)):
                return messages
            left = end - now()
        return []

    async def complete(self, message: ReceivedMessage) -> None:
        """Remove the message: its work is done.

        Raises:
            LeaseLostError: The lock ran out. Or the confirmation was lost, and the message may be gone:
                who handles it again finds its work done.
            UnavailableError: No answer in time.
        """
        await self._settle(message, self._receiver.complete_message)

    async def abandon(self, message: ReceivedMessage) -> None:
        """Give the message back now; it moves to the dead-letter sub-queue after the last delivery."""
        await self._settle(message, self._receiver.abandon_message)

    async def dead_letter(self, message: ReceivedMessage, reason: str, description: str) -> None:
        """Move the message to the dead-letter sub-queue.

        Raises:
            InvalidRequestError: `reason` or `description` is over 4,096 characters.
            LeaseLostError: The lock ran out.
            UnavailableError: No answer in time.
        """
        check_dead_letter(reason, description)

        async def settle(held: ServiceBusReceivedMessage) -> None:
            await self._receiver.dead_letter_message(held, reason=reason, error_description=description)

        await self._settle(message, settle)

    async def renew(self, message: ReceivedMessage) -> datetime:
        """Lock the message for another period, and return its new end."""
        held = self._find(message)
        return await self._exclusively(lambda: self._renew(held))

    async def close(self) -> None:
        """Give back what is not settled. Each such delivery counts, save in a session. Idempotent."""
        if not self._closed:
            self._closed = True
            await self._exclusively(self._let_go)
            self._on_close(self._receiver)

    async def _receive_within(self, max_messages: int, seconds: float) -> list[ReceivedMessage]:
        """Receive, and give back what comes to a caller who was cancelled meanwhile."""
        receiving = asyncio.ensure_future(
            self._exclusively(lambda: self._receive(max_messages, seconds), extra_seconds=seconds)
        )
        try:
            return await asyncio.shield(receiving)
        except asyncio.CancelledError:
            with suppress(IntegrationError):
                for message in await receiving:
                    await self.abandon(message)
            raise

    async def _receive(self, max_messages: int, seconds: float) -> list[ReceivedMessage]:
        if self._closed:
            return []
        await self._ensure_open()
        found = await self._receiver.receive_messages(max_messages, seconds)
        messages = [from_service_bus(message, self._session_end()) for message in found]
        self._held.update(zip((message.lock_token for message in messages), found, strict=True))
        return messages

    async def _settle(
        self, message: ReceivedMessage, how: Callable[[ServiceBusReceivedMessage], Awaitable[None]]
    ) -> None:
        held = self._find(message)

        async def settle() -> None:
            await how(held)

        try:
            await self._exclusively(settle)
        except LeaseLostError:
            self._held.pop(message.lock_token, None)
            raise
        # After any other failure `close` gives it back, unless the settlement got through after all.
        self._held.pop(message.lock_token, None)

    def _find(self, message: ReceivedMessage) -> ServiceBusReceivedMessage:
        held = self._held.get(message.lock_token)
        if held is None:
            raise LeaseLostError("The message is not in hand (any more)")
        return held

    async def _renew(self, held: ServiceBusReceivedMessage) -> datetime:
        return await self._receiver.renew_message_lock(held, timeout=self._timeout_seconds)

    async def _ensure_open(self) -> None:
        """Open the link again, should it have failed."""
        await self._receiver.__aenter__()

    def _session_end(self) -> datetime | None:
        return None

    async def _let_go(self) -> None:
        held, self._held = list(self._held.values()), {}
        for message in held:
            # What can't be given back comes back when its lock ends.
            with suppress(Exception):
                await self._receiver.abandon_message(message)
        await self._receiver.close()

    async def _exclusively(
        self, operation: Callable[[], Coroutine[Any, Any, T]], *, extra_seconds: float = 0.0
    ) -> T:
        async with service_bus_call(self._timeout_seconds + extra_seconds), self._turn:
            return await operation()


class ServiceBusSessionReceiver(ServiceBusReceiver):
    """Receives one session, in order. Its messages are locked for as long as the session is.

    Once the session or its connection is lost it stays lost: opening the link again would take the session
    anew, behind the back of whoever had it in between.
    """

    _lost = False

    async def renew(self, message: ReceivedMessage) -> datetime:  # noqa: ARG002 - only the session counts
        """Lock the session for another period, and return its new end."""
        return await self._exclusively(
            lambda: self._receiver.session.renew_lock(timeout=self._timeout_seconds)
        )

    async def _ensure_open(self) -> None:
        if self._lost:
            raise LeaseLostError("The session is lost: open the next one")

    def _session_end(self) -> datetime | None:
        return self._receiver.session.locked_until_utc

    async def _let_go(self) -> None:
        self._held.clear()
        await self._receiver.close()

    async def _exclusively(
        self, operation: Callable[[], Coroutine[Any, Any, T]], *, extra_seconds: float = 0.0
    ) -> T:
        async def guarded() -> T:
            if not self._closed:
                await self._ensure_open()
            return await operation()

        try:
            return await super()._exclusively(guarded, extra_seconds=extra_seconds)
        except (LeaseLostError, UnavailableError):
            self._lost = True
            raise
