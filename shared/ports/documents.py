"""The document store: JSON documents in partitioned containers, with ETags and TTLs.

Shaped by what Cosmos DB and SQLite can both do well. Tenant isolation is a property of this port: every
call names its partition, and a query without one is refused unless it says that it is a system sweep.
Partitions are tuples of the container's partition-key values, outermost first
(`shared.domain.containers` declares them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Protocol, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
Partition: TypeAlias = tuple[str, ...]
Scalar: TypeAlias = str | int | float | bool

MAX_DOCUMENT_BYTES = 2 * 1024 * 1024
"""Size limit of one document as JSON (Cosmos DB's limit for an item)."""


class Op(Enum):
    """A comparison. Values match only fields of their own JSON type; a missing field matches nothing."""

    EQ = "="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


@dataclass(frozen=True, slots=True)
class Where:
    """One condition: a field by its dotted path, a comparison, a value."""

    field: str
    op: Op
    value: Scalar


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for.

    Attributes:
        partition: The whole partition key or a non-empty prefix of it; empty only for a sweep.
        where: Conditions, all of which must hold. Together with the order they must fit `("id",)` or one
            of the container's indexes: equality on its first fields, then at most one field with a range
            or the order.
        order_by: The field to order by: strings by code point, numbers by value. Documents that lack the
            field, or hold neither a string nor a number there, are left out. The order among equal values
            is the backend's, and stable.
        descending: Largest first.
        limit: At most this many documents a page, 1 to 1,000.
        continuation: Where the page before ended; opaque, only valid with the same query.
        sweep: True for a system task that may look at every tenant.
    """

    partition: Partition
    where: tuple[Where, ...] = ()
    order_by: str = "id"
    descending: bool = False
    limit: int = 50
    continuation: str | None = None
    sweep: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document. `etag` changes with every write and is never part of `body`."""

    body: JsonObject
    etag: str


@dataclass(frozen=True, slots=True)
class Page:
    """Documents of one page, and where the next begins; None after the last."""

    items: tuple[Document, ...]
    continuation: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """A stretch of a stream of changes. `following` is the place after it, also where nothing has changed."""

    items: tuple[Document, ...]
    following: str


@dataclass(frozen=True, slots=True)
class Put:
    """Write a whole document; with `if_match` only over that version, with `if_absent` only as a new one."""

    body: JsonObject
    if_match: str | None = None
    if_absent: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a document; with `if_match` only that version. Removing what is not there succeeds."""

    id: str
    if_match: str | None = None


Write: TypeAlias = Put | Delete


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of one write. `etag` is set where a document was written.

    outcome: "written", "deleted", "absent" (deleted what was not there), "stale" (`if_match` did not match),
    "exists" (`if_absent` did not hold) or "too_large".
    """

    id: str
    outcome: Literal["written", "deleted", "absent", "stale", "exists", "too_large"]
    etag: str | None = None


class DocumentStore(Protocol):
    """JSON documents by container, partition and id.

    Every body holds `id` (1 to 255 characters without slash, backslash, `?` and `#`) and its container's
    partition fields, all non-empty strings; `ttl` (seconds, -1 for none) counts from the last write where
    the container allows it. Expired documents are never returned. Returned bodies are the caller's to change.

    Every method raises UnavailableError or ThrottledError when the backend does not answer, and
    ConfigurationError for a container that is not declared.
    """

    async def get(self, container: str, partition: Partition, document_id: str) -> Document | None:
        """Return one document by its full partition and id, or None."""
        ...

    async def read_many(
        self,
        container: str,
        partition: Partition,
        document_ids: Sequence[str],
        fields: Sequence[str] | None = None,
    ) -> Mapping[str, Document]:
        """Return those of the documents that exist, by id. One partition, any number of ids.

        Args:
            container: The container.
            partition: The whole partition key.
            document_ids: Ids, in any order; repeated ones count once.
            fields: Names of top-level fields: the bodies then hold these only, with None for one that a
                document lacks. Meant for many documents of which little is needed.
        """
        ...

    async def changes(
        self, container: str, partition: Partition, since: str | None = None, limit: int = 50
    ) -> Changes:
        """Return documents as they are now, in the order of their last writes.

        A document that is written again moves to the end, so following the stream to its end sees the last
        version of each; one may come twice, none is left out. Documents that were removed don't come.

        Args:
            container: The container.
            partition: The whole partition key or a non-empty prefix of it.
            since: The `following` of an earlier call with the same partition; None begins at the beginning.
            limit: At most so many documents, 1 to 1,000; more where a backend keeps together what one
                batch wrote.

        Raises:
            InvalidRequestError: `since` is not this stream's, or the limit is out of range.
        """
        ...

    async def put(
        self, container: str, body: JsonObject, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """Write one document and return its new ETag.

        Raises:
            StaleWriteError: `if_match` is given and the stored document is another version, or gone.
            AlreadyExistsError: `if_absent` is given and the id is taken.
            DocumentTooLargeError: The document is over MAX_DOCUMENT_BYTES.
            InvalidRequestError: `id` or a partition field is missing or has characters that no backend takes.
        """
        ...

    async def delete(
        self, container: str, partition: Partition, document_id: str, *, if_match: str | None = None
    ) -> bool:
        """Remove one document; False if it was not there.

        Raises:
            StaleWriteError: `if_match` is given and the stored document is another version.
        """
        ...

    async def write_many(
        self, container: str, partition: Partition, writes: Sequence[Write]
    ) -> Sequence[WriteResult]:
        """Write many documents of one partition and return a result for each, in order.

        Not atomic: a write that fails leaves the others standing, and a crash may leave a part of them
        done. Callers make every write idempotent.

        Raises:
            InvalidRequestError: A body's partition fields differ from `partition`, or an id is invalid;
                nothing was written.
        """
        ...

    async def query(self, container: str, query: Query) -> Page:
        """Return one page of the documents that match.

        Raises:
            UndeclaredQueryError: No partition without `sweep`, or no declared index fits; the message
                names the index that is missing.
            InvalidRequestError: The continuation is not this query's, or the limit is out of range.
        """
        ...
