"""Dead letters: what came out of a dead-letter queue, kept for people to decide on."""

from __future__ import annotations

from typing import Any

from shared.domain.model import Id, StoredModel
from shared.ports.documents import DocumentStore
from shared.repositories.model_repository import to_body


class DeadLetter(StoredModel):
    """A message that could not be handled. `body` is None where it was not JSON; `text` has its start."""

    tenant_id: Id
    queue: str
    message_id: str
    reason: str
    description: str
    delivery_count: int
    body: Any = None
    text: str | None = None
    status: str = "open"


class DeadLetterRepository:
    """Dead letters by tenant and id."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store

    async def put(self, letter: DeadLetter) -> None:
        """Store a letter; the same message arriving again replaces it."""
        await self._store.put("dead-letters", to_body(letter))
