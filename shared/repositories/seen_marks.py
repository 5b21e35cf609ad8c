"""Seen marks: which shards a run's pages spoke of, kept beside the checkpoints until nobody needs them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from shared.domain.errors import AlreadyExistsError, LeaseLostError, StaleWriteError
from shared.domain.model import rfc3339
from shared.domain.seen_set import MARK_BYTES, SeenSet, marks_of
from shared.domain.sweeps import Inventory
from shared.ports.clock import Clock
from shared.ports.documents import Delete, Document, DocumentStore, JsonObject, Op, Query, Where

MARKS_PER_DOCUMENT = 100_000
"""Just over 1 MB of JSON: half of what a document may have."""

_CONTAINER = "checkpoints"
_ALL = ("seen~", "seen\x7f")
_BATCH = 100


@dataclass(frozen=True, slots=True)
class MarkedRun:
    """A run that has marks of an entity."""

    tenant_id: str
    integration_id: str
    entity: str
    execution_id: str

    @property
    def partition(self) -> tuple[str, str]:
        """Where the marks are."""
        return self.tenant_id, self.integration_id

    @property
    def bounds(self) -> tuple[str, str]:
        """The ids of its documents: from the first, up to but without the second."""
        prefix = f"seen~{self.entity}~{self.execution_id}"
        return f"{prefix}~", f"{prefix}\x7f"

    def document_id(self, page: int, part: int = 0) -> str:
        """Return the id of a page's marks; a page with very many has several parts."""
        return f"seen~{self.entity}~{self.execution_id}~{page}~{part}"


class SeenMarks:
    """Marks by run and page. A page that is stored again replaces its marks."""

    def __init__(self, store: DocumentStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def put(self, run: MarkedRun, page: int, shard_ids: Sequence[str], fencing_token: int) -> None:
        """Keep the marks of a page. Its first part is written last: where that is, all are.

        Raises:
            LeaseLostError: A later holder of the lease has stored the page.
        """
        marks = marks_of(shard_ids)
        size = MARKS_PER_DOCUMENT * MARK_BYTES
        parts = [marks[start : start + size] for start in range(0, len(marks), size)] or [b""]
        for number, part in reversed(list(enumerate(parts))):
            body = self._body(run, page, number, part)
            await self._put({**body, "parts": len(parts), "fencingToken": fencing_token})

    async def load(
        self, tenant_id: str, integration_id: str, entity: str, inventories: Sequence[Inventory]
    ) -> SeenSet | None:
        """Return everything that the inventories have seen; None if the marks of a page are missing."""
        marks: list[bytes] = []
        for inventory in inventories:
            run = MarkedRun(tenant_id, integration_id, entity, inventory.execution_id)
            for start in range(0, inventory.pages, _BATCH):
                pages = range(start, min(start + _BATCH, inventory.pages))
                found = await self._of_pages(run, pages)
                if found is None:
                    return None
                marks += found
        return SeenSet(marks)

    async def runs(self, tenant_id: str, integration_id: str) -> AsyncIterator[MarkedRun]:
        """Yield every run that has marks; one small query for each."""
        first, end = _ALL
        while found := await self._query((tenant_id, integration_id), first, end, limit=1):
            body = found[0].body
            run = MarkedRun(tenant_id, integration_id, body["entity"], body["executionId"])
            yield run
            first = run.bounds[1]

    async def remove(self, run: MarkedRun) -> None:
        """Remove a run's marks."""
        while found := await self._query(run.partition, *run.bounds, limit=_BATCH):
            deletes = [Delete(document.body["id"]) for document in found]
            await self._store.write_many(_CONTAINER, run.partition, deletes)

    async def _of_pages(self, run: MarkedRun, pages: Sequence[int]) -> list[bytes] | None:
        first = await self._read(run, [run.document_id(page) for page in pages])
        if len(first) < len(pages):
            return None
        more = [
            run.document_id(page, part)
            for page, document in zip(pages, first, strict=True)
            for part in range(1, document.body["parts"])
        ]
        rest = await self._read(run, more)
        if len(rest) < len(more):
            return None
        return [base64.b64decode(document.body["marks"]) for document in (*first, *rest)]

    async def _read(self, run: MarkedRun, ids: Sequence[str]) -> list[Document]:
        found = await self._store.read_many(_CONTAINER, run.partition, ids) if ids else {}
        return [found[each] for each in ids if each in found]

    async def _query(
        self, partition: tuple[str, str], first: str, end: str, limit: int
    ) -> tuple[Document, ...]:
        where = (Where("id", Op.GE, first), Where("id", Op.LT, end))
        return (await self._store.query(_CONTAINER, Query(partition, where, limit=limit))).items

    async def _put(self, body: JsonObject) -> None:
        """Write one document, over an earlier holder's of the lease but not over a later one's."""
        try:
            await self._store.put(_CONTAINER, body, if_absent=True)
        except AlreadyExistsError:
            await self._replace(body)

    async def _replace(self, body: JsonObject) -> None:
        found = await self._store.get(_CONTAINER, (body["tenantId"], body["integrationId"]), body["id"])
        if found is None or found.body["fencingToken"] > body["fencingToken"]:
            raise LeaseLostError("A later holder of the lease has stored this page.")
        try:
            await self._store.put(_CONTAINER, body, if_match=found.etag)
        except StaleWriteError:
            raise LeaseLostError("Another process has stored this page.") from None

    def _body(self, run: MarkedRun, page: int, part: int, marks: bytes) -> JsonObject:
        now = rfc3339(self._clock.now())
        return {
            "id": run.document_id(page, part),
            "tenantId": run.tenant_id,
            "integrationId": run.integration_id,
            "entity": run.entity,
            "executionId": run.execution_id,
            "marks": base64.b64encode(marks).decode(),
            "schemaVersion": 1,
            "createdAt": now,
            "updatedAt": now,
        }
