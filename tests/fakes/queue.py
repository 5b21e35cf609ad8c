"""A sender that keeps what it was given, and drops repeated message ids as the real queues do."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.sync import SyncMessage
from shared.ports.queue import OutgoingMessage


class FakeSender:
    def __init__(self) -> None:
        self.sent: list[OutgoingMessage] = []
        self.queues: list[str] = []
        self.fault: Exception | None = None
        self._seen: set[str] = set()

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        if self.fault:
            raise self.fault
        for message in messages:
            if message.message_id not in self._seen:
                self._seen.add(message.message_id)
                self.sent.append(message)
                self.queues.append(queue)

    def forget(self) -> None:
        """Let the duplicate-detection window pass."""
        self._seen.clear()

    def steps(self) -> list[SyncMessage]:
        """Take out everything that was sent, parsed."""
        taken, self.sent = self.sent, []
        return [SyncMessage.model_validate_json(message.body) for message in taken]
