"""Writes as operations of transactional batches, and how many fit into one.

Limits: 100 operations and 2 MB (https://learn.microsoft.com/azure/cosmos-db/concepts-limits).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from azure.cosmos.exceptions import CosmosBatchOperationError

from shared.backends.azure.cosmos_errors import CONFLICT, NOT_FOUND, STALE, TOO_LARGE
from shared.backends.document_rules import check_write, encode, lifetime_seconds
from shared.domain.containers import Container
from shared.ports.documents import MAX_DOCUMENT_BYTES, Delete, Partition, Put, Write, WriteResult

MAX_OPERATIONS = 100
MAX_BATCH_BYTES = 2 * 1024 * 1024
OVERHEAD_BYTES = 512
"""What an operation adds to its document: its kind, the id once more, an ETag, other spellings of numbers."""

NOBODYS_ETAG = '""'

Failure: TypeAlias = Literal["absent", "stale", "exists", "too_large"]

_ETAG = re.compile(r'"?[\w.:-]+"?', re.ASCII)


class BatchFailed(Exception):  # noqa: N818 - it ends a batch, and is never seen outside this package
    """One operation of a batch failed, so none was applied.

    Attributes:
        index: Which one.
        status: Its HTTP status.
        retry_after_seconds: The pause that the service asks for, if it does.
    """

    def __init__(self, index: int, status: int, retry_after_seconds: float | None = None) -> None:
        super().__init__(f"Operation {index} failed with status {status}.")
        self.index = index
        self.status = status
        self.retry_after_seconds = retry_after_seconds

    @classmethod
    def of(cls, error: CosmosBatchOperationError) -> BatchFailed:
        """Read what the SDK raises."""
        answer = (error.operation_responses or [{}])[error.error_index]
        pause = answer.get("retryAfterMilliseconds")
        return cls(error.error_index, int(error.status_code or 0), pause / 1000 if pause else None)


@dataclass(frozen=True, slots=True)
class Operation:
    """One write, checked. `number` is its place in the caller's list, `size` its document's bytes."""

    number: int
    id: str
    write: Write
    size: int

    @property
    def removes(self) -> bool:
        """True for a deletion."""
        return isinstance(self.write, Delete)

    def as_sdk(self) -> tuple[str, tuple[Any, ...], dict[str, str]]:
        """Return it as the SDK takes operations of a batch."""
        match self.write:
            case Delete(id=document_id, if_match=etag):
                return "delete", (document_id,), _condition(etag)
            case Put(body=body, if_match=None, if_absent=True):
                return "create", (body,), {}
            case Put(body=body, if_match=None):
                return "upsert", (body,), {}
            case Put(body=body, if_match=etag):
                return "replace", (self.id, body), _condition(etag)

    def done(self, etag: str | None) -> WriteResult:
        """Return its result when it was applied."""
        return WriteResult(self.id, "deleted") if self.removes else WriteResult(self.id, "written", etag)

    def failure(self, status: int) -> Failure | None:
        """Return what a status means for it; None for a status that is not about this write."""
        if status == NOT_FOUND:
            return "absent" if self.removes else "stale"
        meanings: dict[int, Failure] = {CONFLICT: "exists", STALE: "stale", TOO_LARGE: "too_large"}
        return meanings.get(status)

    def refusal(self, stored: object) -> Failure | None:
        """Return why it fails if the stored document has this ETag (None: there is none), or None."""
        if isinstance(self.write, Delete) and stored is None:
            return "absent"
        if isinstance(self.write, Put) and self.write.if_absent and stored is not None:
            return "exists"
        return "stale" if self.write.if_match not in {None, stored} else None


Prepared: TypeAlias = Operation | WriteResult


def prepare(container: Container, partition: Partition, writes: Iterable[Write]) -> list[Prepared]:
    """Check writes and return each as an operation, or its result where the document is too large.

    Raises:
        InvalidRequestError: One of them is invalid.
    """
    return [_prepared(container, partition, number, write) for number, write in enumerate(writes)]


def batches(operations: Iterable[Operation]) -> Iterator[list[Operation]]:
    """Yield operations in as few batches as their order and the limits allow."""
    batch: list[Operation] = []
    size = 0
    for operation in operations:
        more = operation.size + OVERHEAD_BYTES
        if batch and (len(batch) == MAX_OPERATIONS or size + more > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(operation)
        size += more
    if batch:
        yield batch


def fits_batch(operation: Operation) -> bool:
    """False for a document so near its own limit that a batch of it alone would exceed the batch's."""
    return operation.size + OVERHEAD_BYTES <= MAX_BATCH_BYTES


def sendable_etag(etag: str) -> str:
    """Return an ETag that is safe as a header; one that is not the service's becomes one that nothing has.

    `*` would match everything, and an API's caller may send it.
    """
    return etag if _ETAG.fullmatch(etag) else NOBODYS_ETAG


def _condition(etag: str | None) -> dict[str, str]:
    return {} if etag is None else {"if_match_etag": sendable_etag(etag)}


def _prepared(container: Container, partition: Partition, number: int, write: Write) -> Prepared:
    check_write(container, partition, write)
    if isinstance(write, Delete):
        return Operation(number, write.id, write, 0)
    size = len(encode(write.body))
    lifetime_seconds(container, write.body)
    document_id = write.body["id"]
    if size > MAX_DOCUMENT_BYTES:
        return WriteResult(document_id, "too_large")
    return Operation(number, document_id, write, size)
