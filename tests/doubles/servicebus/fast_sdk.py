"""Takes two waits of the SDK (azure-servicebus 7.15, async) out of tests.

Closing waits for a keep-alive task that sleeps a second at a time: it is cancelled instead. Opening sleeps
50 ms after every frame of the handshake: the next frame is read at once, as long as frames arrive.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from azure.servicebus._pyamqp.aio._client_async import AMQPClientAsync

_SILENCE_SECONDS = 0.1
"""A read that takes longer has timed out: then the SDK looks at its deadline."""


def install(patch: Any) -> None:
    """Patch the SDK with pytest's `MonkeyPatch`, which takes it back."""
    close: Any = AMQPClientAsync.close_async
    ready: Any = AMQPClientAsync.client_ready_async

    async def close_async(self: Any) -> None:
        task: asyncio.Task[None] | None = self._keep_alive_thread
        self._keep_alive_thread = None
        if task:
            task.cancel()
        await close(self)

    async def client_ready_async(self: Any) -> bool:
        while True:
            began = time.monotonic()
            if await ready(self):
                return True
            if time.monotonic() - began > _SILENCE_SECONDS:
                return False

    patch.setattr(AMQPClientAsync, "close_async", close_async)
    patch.setattr(AMQPClientAsync, "client_ready_async", client_ready_async)
