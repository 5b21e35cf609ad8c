"""Ports that import and connect their SDK at the first call: a cold start pays only for what it uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.backends.opened import Opening
from shared.ports.documents import (
    Changes,
    Document,
    DocumentStore,
    JsonObject,
    Page,
    Partition,
    Query,
    Write,
    WriteResult,
)
from shared.ports.queue import MessageReceiver, MessageSender, MessageSource, OutgoingMessage


class LateDocumentStore:
    """`DocumentStore` that opens another at the first call."""

    def __init__(self, store: Opening[DocumentStore]) -> None:
        self._store = store

    async def get(self, container: str, partition: Partition, document_id: str) -> Document | None:
        """See `DocumentStore.get`."""
        return await (await self._store()).get(container, partition, document_id)

    async def read_many(
        self,
        container: str,
        partition: Partition,
        document_ids: Sequence[str],
        fields: Sequence[str] | None = None,
    ) -> Mapping[str, Document]:
        """See `DocumentStore.read_many`."""
        return await (await self._store()).read_many(container, partition, document_ids, fields)

    async def changes(
        self, container: str, partition: Partition, since: str | None = None, limit: int = 50
    ) -> Changes:
        """See `DocumentStore.changes`."""
        return await (await self._store()).changes(container, partition, since, limit)

    async def put(
        self, container: str, body: JsonObject, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """See `DocumentStore.put`."""
        return await (await self._store()).put(container, body, if_match=if_match, if_absent=if_absent)

    async def delete(
        self, container: str, partition: Partition, document_id: str, *, if_match: str | None = None
    ) -> bool:
        """See `DocumentStore.delete`."""
        return await (await self._store()).delete(container, partition, document_id, if_match=if_match)

    async def write_many(
        self, container: str, partition: Partition, writes: Sequence[Write]
    ) -> Sequence[WriteResult]:
        """See `DocumentStore.write_many`."""
        return await (await self._store()).write_many(container, partition, writes)

    async def query(self, container: str, query: Query) -> Page:
        """See `DocumentStore.query`."""
        return await (await self._store()).query(container, query)


class LateSender:
    """`MessageSender` that opens another at the first call."""

    def __init__(self, sender: Opening[MessageSender]) -> None:
        self._sender = sender

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        """See `MessageSender.send`."""
        await (await self._sender()).send(queue, messages)


class LateSource:
    """`MessageSource` that opens another at the first call."""

    def __init__(self, source: Opening[MessageSource]) -> None:
        self._source = source

    async def open(self, queue: str, *, dead_letter: bool = False) -> MessageReceiver:
        """See `MessageSource.open`."""
        return await (await self._source()).open(queue, dead_letter=dead_letter)

    async def open_next_session(self, queue: str, wait_seconds: float) -> MessageReceiver | None:
        """See `MessageSource.open_next_session`."""
        return await (await self._source()).open_next_session(queue, wait_seconds)
