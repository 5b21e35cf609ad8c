"""Service Bus behind the queue port: the sending half, and the source that a local host receives from."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessageBatch, ServiceBusSubQueue
from azure.servicebus import exceptions as sdk
from azure.servicebus.aio import ServiceBusReceiver as SdkReceiver
from azure.servicebus.aio import ServiceBusSender as SdkSender

from shared.backends.azure.service_bus_errors import service_bus_call
from shared.backends.azure.service_bus_messages import to_service_bus
from shared.backends.azure.service_bus_namespace import ServiceBusNamespace
from shared.backends.azure.service_bus_receiver import ServiceBusReceiver, ServiceBusSessionReceiver, Waits
from shared.backends.message_rules import check_messages, declared_queue, openable_queue, session_queue
from shared.domain.errors import IntegrationError, UnavailableError
from shared.domain.queues import QUEUES, Queue
from shared.ports.queue import OutgoingMessage

RETRIES = 3
"""How often the SDK tries again by itself (its own default). A repeated send is told by its message ids."""

TIMEOUT_SECONDS = 30.0
"""How long a send, a settlement or the opening of a link may take, retries included."""


class ServiceBusSender:
    """Implements `MessageSender` with one client, and one link for each queue, kept open.

    When an acknowledgement is lost, the retry sends again what Service Bus has already: the message ids and
    the queue's duplicate detection drop the copy.
    """

    def __init__(
        self,
        namespace: ServiceBusNamespace,
        *,
        queues: Mapping[str, Queue] = QUEUES,
        retries: int = RETRIES,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Connect at the first send."""
        self._client = namespace.client(retries=retries)
        self._queues = queues
        self._timeout_seconds = timeout_seconds
        self._senders: dict[str, SdkSender] = {}
        self._closed = False
        # The SDK's objects serve one caller at a time.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        """Store the messages in order, in as few batches as their sizes allow; each batch as a whole.

        Raises:
            ConfigurationError: The queue is not declared or not deployed, or our identity is refused.
            InvalidRequestError: A message breaks a limit or the queue's session rule; nothing was sent.
            UnavailableError: No answer in time, a broken connection, or a full queue; some may be stored.
            ThrottledError: The namespace is busy.
        """
        check_messages(declared_queue(self._queues, queue), messages)
        if self._closed:
            raise UnavailableError("The connection to Service Bus is closed")
        if not messages:
            return
        async with service_bus_call(self._timeout_seconds), self._turns[queue]:
            try:
                await self._send(self._sender(queue), messages)
            except asyncio.CancelledError:  # a time-out is one too
                await self._drop(queue)
                raise

    async def close(self) -> None:
        """Close every link. Idempotent."""
        self._closed = True
        async with service_bus_call(self._timeout_seconds):
            await self._client.close()
        self._senders.clear()

    def _sender(self, queue: str) -> SdkSender:
        if queue not in self._senders:
            self._senders[queue] = self._client.get_queue_sender(queue)
        return self._senders[queue]

    async def _send(self, sender: SdkSender, messages: Sequence[OutgoingMessage]) -> None:
        # All batches are built before the first goes out, so that a message that fits in none stops them all.
        for batch in await _batches(sender, messages):
            await sender.send_messages(batch, timeout=self._timeout_seconds)

    async def _drop(self, queue: str) -> None:
        """Let go of a link that was interrupted, maybe within a frame: the next send opens another.

        After errors of its own the SDK does the same by itself.
        """
        sender = self._senders.pop(queue, None)
        if sender is None:  # closed in the meantime, with everything
            return
        with suppress(IntegrationError):
            async with service_bus_call(self._timeout_seconds):
                await sender.close()


class ServiceBusSource:
    """Implements `MessageSource` for a host on this machine; in Azure the Functions host receives.

    Nothing is tried again by the SDK: a session that is not there would cost 19 s, and the host has a
    policy of its own.
    """

    def __init__(
        self,
        namespace: ServiceBusNamespace,
        *,
        queues: Mapping[str, Queue] = QUEUES,
        timeout_seconds: float = TIMEOUT_SECONDS,
        waits: Waits | None = None,
    ) -> None:
        """Connect when a queue is opened."""
        self._client = namespace.client(retries=0)
        self._queues = queues
        self._timeout_seconds = timeout_seconds
        self._waits = waits or Waits()
        # The client knows its receivers only as long as somebody else does.
        self._open: set[SdkReceiver] = set()

    async def open(self, queue: str, *, dead_letter: bool = False) -> ServiceBusReceiver:
        """Open a queue without sessions, or any queue's dead-letter sub-queue.

        Raises:
            ConfigurationError: The queue is not declared or deployed, has sessions, or refuses us.
            UnavailableError: No answer in time, or no connection.
            ThrottledError: The namespace is busy.
        """
        openable_queue(self._queues, queue, dead_letter=dead_letter)
        receiver = self._client.get_queue_receiver(
            queue,
            sub_queue=ServiceBusSubQueue.DEAD_LETTER if dead_letter else None,
            socket_timeout=self._waits.read_seconds,
        )
        async with self._opened(receiver, self._timeout_seconds):
            await receiver.__aenter__()
        return ServiceBusReceiver(receiver, self._timeout_seconds, self._waits, self._open.discard)

    async def open_next_session(self, queue: str, wait_seconds: float) -> ServiceBusSessionReceiver | None:
        """Lock the next session that has messages; None if none came within `wait_seconds`.

        Raises:
            ConfigurationError: The queue is not declared or deployed, has no sessions, or refuses us.
            UnavailableError: No answer in time, or no connection.
            ThrottledError: The namespace is busy.
        """
        session_queue(self._queues, queue)
        wait_seconds = max(wait_seconds, self._waits.shortest_seconds)
        receiver = self._client.get_queue_receiver(
            queue,
            session_id=NEXT_AVAILABLE_SESSION,
            max_wait_time=wait_seconds,
            socket_timeout=self._waits.read_seconds,
        )
        async with self._opened(receiver, wait_seconds + self._timeout_seconds):
            if not await _got_session(receiver):
                self._open.discard(receiver)
                return None
        return ServiceBusSessionReceiver(receiver, self._timeout_seconds, self._waits, self._open.discard)

    @asynccontextmanager
    async def _opened(self, receiver: SdkReceiver, timeout_seconds: float) -> AsyncIterator[None]:
        """Hold on to a receiver that is being opened; one whose caller is cancelled is closed by `close`."""
        self._open.add(receiver)
        try:
            async with service_bus_call(timeout_seconds):
                yield
        except Exception:
            self._open.discard(receiver)
            raise

    async def close(self) -> None:
        """Close every receiver. Idempotent."""
        async with service_bus_call(self._timeout_seconds):
            await self._client.close()
        self._open.clear()


async def _got_session(receiver: SdkReceiver) -> bool:
    try:
        await receiver.__aenter__()
    except sdk.OperationTimeoutError:
        await receiver.close()
        return False
    return True


async def _batches(sender: SdkSender, messages: Sequence[OutgoingMessage]) -> list[ServiceBusMessageBatch]:
    batches = [await sender.create_message_batch()]
    for message in map(to_service_bus, messages):
        try:
            batches[-1].add_message(message)
        except sdk.MessageSizeExceededError:
            batches.append(await sender.create_message_batch())
            batches[-1].add_message(message)
    return batches
