"""What the Service Bus SDK's errors mean to a caller: one table, keyed by exception type."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.servicebus import exceptions as sdk

from shared.domain.errors import (
    ConfigurationError,
    IntegrationError,
    InvalidRequestError,
    LeaseHeldError,
    LeaseLostError,
    ThrottledError,
    UnavailableError,
)

BUSY_PAUSE_SECONDS = 10.0
"""How long to wait after "server busy": Microsoft's advice for ServerBusyException."""

_LOST = (LeaseLostError, "the lock ran out or was lost: the message is, or will be, somebody else's")
_NO_ENTRY = (ConfigurationError, "refuses our identity: check the credential and its roles on the namespace")

MEANINGS: dict[type[BaseException], tuple[type[IntegrationError], str]] = {
    sdk.ServiceBusError: (UnavailableError, "failed"),
    sdk.ServiceBusConnectionError: (UnavailableError, "dropped the connection"),
    sdk.ServiceBusCommunicationError: (UnavailableError, "can't be reached"),
    sdk.OperationTimeoutError: (UnavailableError, "did not answer in time"),
    sdk.ServiceBusServerBusyError: (ThrottledError, "is busy"),
    sdk.ServiceBusQuotaExceededError: (
        UnavailableError,
        "is full: receive messages, or raise the queue's size",
    ),
    sdk.MessagingEntityDisabledError: (UnavailableError, "has this queue switched off"),
    sdk.MessagingEntityNotFoundError: (
        ConfigurationError,
        "does not know the queue: deploy the declared queues",
    ),
    sdk.MessagingEntityAlreadyExistsError: (ConfigurationError, "has an entity of this name already"),
    sdk.ServiceBusAuthenticationError: _NO_ENTRY,
    sdk.ServiceBusAuthorizationError: _NO_ENTRY,
    ClientAuthenticationError: _NO_ENTRY,
    sdk.MessageSizeExceededError: (InvalidRequestError, "refuses the message as too large"),
    sdk.MessageLockLostError: _LOST,
    sdk.SessionLockLostError: _LOST,
    sdk.MessageNotFoundError: _LOST,
    sdk.MessageAlreadySettled: _LOST,
    sdk.AutoLockRenewFailed: _LOST,
    sdk.AutoLockRenewTimeout: _LOST,
    sdk.SessionCannotBeLockedError: (LeaseHeldError, "says that another receiver has the session"),
    AzureError: (UnavailableError, "failed"),
    OSError: (UnavailableError, "can't be reached"),  # a time-out of ours is one too
}


def translate(error: Exception) -> Exception:
    """Return what to raise instead of an error of the SDK's; one that is our own mistake comes back as it is.

    The SDK's words stay in the chained error: they may quote addresses, never keys or tokens.
    """
    # What the SDK did not expect, such as a credential's error, it wraps in its plainest error.
    cause = error.inner_exception if type(error) is sdk.ServiceBusError else None
    for known in (cause, error):
        for kind in type(known).__mro__:
            if kind in MEANINGS:
                return _build(*MEANINGS[kind], type(known).__name__)
    return error


def _build(kind: type[IntegrationError], meaning: str, name: str) -> IntegrationError:
    text = f"Service Bus {meaning} ({name})."
    return (
        ThrottledError(text, retry_after_seconds=BUSY_PAUSE_SECONDS) if kind is ThrottledError else kind(text)
    )


@asynccontextmanager
async def service_bus_call(timeout_seconds: float) -> AsyncIterator[None]:
    """Bound a call in time, and translate what it raises.

    Raises:
        UnavailableError: It took longer, or the service failed; the other errors are the table's.
        asyncio.CancelledError: The caller was cancelled, even if the SDK lost that: up to Python 3.11 its
            `wait_for` does, when a frame comes at the same moment.
    """
    task = asyncio.current_task()
    cancelled = task.cancelling() if task else 0
    try:
        async with asyncio.timeout(timeout_seconds):
            yield
    except Exception as error:
        meant = translate(error)
        if meant is error:
            raise
        raise meant from None  # its text may quote the message
    if task and task.cancelling() > cancelled:
        raise asyncio.CancelledError
