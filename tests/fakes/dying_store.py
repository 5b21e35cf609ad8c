"""A document store whose process dies at a write that a test chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


class ProcessDeath(BaseException):
    """The process is no more: nothing of it runs on, and nothing catches this."""


class DyingStore:
    """Passes everything on until it dies; then every call fails, until `revive`.

    `dies_before` counts down with every write: at 0 that write is not done. Of many writes at once, the first
    half is done by then, as a backend may. `dies_at` names a container: the process dies once, instead of
    writing a document there, and what comes after is the next process.
    """

    def __init__(self, inner: DocumentStore) -> None:
        self._inner = inner
        self._dead = False
        self.dies_before: int | None = None
        self.dies_at: str | None = None
        self.writes = 0

    def revive(self) -> None:
        """Start anew; it will not die again by itself."""
        self._dead = False
        self.dies_before = None

    async def get(self, container: str, partition: Partition, document_id: str) -> Document | None:
        self._live()
        return await self._inner.get(container, partition, document_id)

    async def read_many(
        self,
        container: str,
        partition: Partition,
        document_ids: Sequence[str],
        fields: Sequence[str] | None = None,
    ) -> Mapping[str, Document]:
        self._live()
        return await self._inner.read_many(container, partition, document_ids, fields)

    async def changes(
        self, container: str, partition: Partition, since: str | None = None, limit: int = 50
    ) -> Changes:
        self._live()
        return await self._inner.changes(container, partition, since, limit)

    async def put(
        self, container: str, body: JsonObject, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        self._count()
        if container == self.dies_at:
            self.dies_at = None
            raise ProcessDeath
        return await self._inner.put(container, body, if_match=if_match, if_absent=if_absent)

    async def delete(
        self, container: str, partition: Partition, document_id: str, *, if_match: str | None = None
    ) -> bool:
        self._count()
        return await self._inner.delete(container, partition, document_id, if_match=if_match)

    async def write_many(
        self, container: str, partition: Partition, writes: Sequence[Write]
    ) -> Sequence[WriteResult]:
        try:
            self._count()
        except ProcessDeath:
            await self._inner.write_many(container, partition, writes[: len(writes) // 2])
            raise
        return await self._inner.write_many(container, partition, writes)

    async def query(self, container: str, query: Query) -> Page:
        self._live()
        return await self._inner.query(container, query)

    def _count(self) -> None:
        self._live()
        if self.dies_before == 0:
            self._dead = True
            raise ProcessDeath
        self.writes += 1
        if self.dies_before is not None:
            self.dies_before -= 1

    def _live(self) -> None:
        if self._dead:
            raise ProcessDeath
