"""One message: lock kept, function called, message settled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from devhost.errors import InvocationError
from devhost.indexing import LocalFunction
from devhost.invocation import Invoker
from devhost.lock_renewal import LockRenewal
from devhost.message_datum import message_datum
from shared.domain.errors import LeaseLostError
from shared.ports.queue import MessageReceiver, ReceivedMessage

_logger = logging.getLogger("devhost.service_bus")

_SETTLE_TIMEOUT_SECONDS = 30.0
"""A message that can't be settled in this time comes again when its lock ends."""


class MessageHandler:
    """Handles the messages of one function: success completes a message, failure gives it back."""

    def __init__(self, function: LocalFunction, invoker: Invoker, renewal: LockRenewal) -> None:
        self._function = function
        self._invoker = invoker
        self._renewal = renewal

    async def handle(self, receiver: MessageReceiver, message: ReceivedMessage) -> bool:
        """Handle one message; tell whether its lock held to the end. Cancelled, it gives the message back."""
        async with self._renewal.held(receiver, message):
            try:
                await self._invoker.invoke(self._function, *message_datum(message))
            except InvocationError:
                return await self._settle(receiver.abandon, message)
            except asyncio.CancelledError:
                await self._settle(receiver.abandon, message)
                raise
            return await self._settle(receiver.complete, message)

    async def _settle(
        self, settle: Callable[[ReceivedMessage], Awaitable[None]], message: ReceivedMessage
    ) -> bool:
        try:
            async with asyncio.timeout(_SETTLE_TIMEOUT_SECONDS):
                await settle(message)
        except LeaseLostError:
            _logger.warning("Message %s lost its lock and will come again", message.message_id)
            return False
        except Exception:
            _logger.exception("Message %s could not be settled and will come again", message.message_id)
        return True
