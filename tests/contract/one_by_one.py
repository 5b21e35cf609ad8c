"""A Cosmos DB store for servers without transactional batches: many writes are one request each."""

from __future__ import annotations

from collections.abc import Sequence

from shared.backends.azure.cosmos_batches import Operation, prepare
from shared.backends.azure.cosmos_documents import CosmosDocumentStore
from shared.backends.document_rules import check_partition
from shared.ports.documents import Delete, Partition, Write, WriteResult


class OneByOne(CosmosDocumentStore):
    """Its reads and single writes are the product's; what it does with many shows nothing of batches.

    It looks what is there before it writes: such a server answers changes of what is missing with 500.
    """

    async def write_many(
        self, container: str, partition: Partition, writes: Sequence[Write]
    ) -> Sequence[WriteResult]:
        declared = self._declared(container)
        check_partition(declared, partition)
        prepared = prepare(declared, partition, writes)
        ids = [one.id for one in prepared if isinstance(one, Operation)]
        found = await self.read_many(container, partition, ids, ())
        etags: dict[str, str | None] = {key: document.etag for key, document in found.items()}
        results: list[WriteResult] = []
        for one in prepared:
            if isinstance(one, WriteResult):
                results.append(one)
                continue
            result = await self._settled(container, partition, one, etags.get(one.id))
            results.append(result)
            if result.outcome in {"written", "deleted"}:
                etags[one.id] = result.etag
        return results

    async def _settled(
        self, container: str, partition: Partition, operation: Operation, stored: str | None
    ) -> WriteResult:
        if refused := operation.refusal(stored):
            return WriteResult(operation.id, refused)
        write = operation.write
        if isinstance(write, Delete):
            await self.delete(container, partition, write.id, if_match=write.if_match)
            return operation.done(None)
        etag = await self.put(container, write.body, if_match=write.if_match, if_absent=write.if_absent)
        return operation.done(etag)
