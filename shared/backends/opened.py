"""What a backend offers once it is chosen, and opening a part of it at its first use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.ports.archive import Archive
from shared.ports.documents import DocumentStore
from shared.ports.identity import TokenVerifier
from shared.ports.queue import MessageSender, MessageSource
from shared.ports.secrets import SecretStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backends:
    """The ports' implementations of one backend.

    Attributes:
        documents, sender, source, tokens: The ports.
        secrets, archive: Open the ports that most invocations do without.
        is_one_process: All messages come to this process.
        warm_up: Opens, while nobody waits, what the first message will need.
    """

    documents: DocumentStore
    sender: MessageSender
    source: MessageSource
    tokens: TokenVerifier
    secrets: Callable[[], Awaitable[SecretStore]]
    archive: Callable[[], Awaitable[Archive]]
    is_one_process: bool
    warm_up: Callable[[], Awaitable[None]]


class Opening(Generic[T]):
    """Opens a thing at the first call, and gives everybody the same. After a failure the next tries again."""

    def __init__(self, open_it: Callable[[], Awaitable[T]]) -> None:
        self._open = open_it
        self._lock = asyncio.Lock()
        self._opened: T | None = None

    async def __call__(self) -> T:
        """Return it. The errors are those of opening."""
        if self._opened is None:
            async with self._lock:
                if self._opened is None:
                    self._opened = await self._open()
        return self._opened
