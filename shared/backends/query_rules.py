"""Which queries every document backend answers, and what binds a continuation to its query."""

from __future__ import annotations

import base64
import binascii
import math
import re
from hashlib import blake2b
from typing import Any, TypeVar

import orjson

from shared.backends.document_rules import check_partition
from shared.domain.containers import Container
from shared.domain.errors import InvalidRequestError, Problem, UndeclaredQueryError
from shared.ports.documents import Op, Partition, Query, Scalar

Index = tuple[str, ...]
StreamPlace = TypeVar("StreamPlace", int, str)

ID_INDEX: Index = ("id",)
"""The index that every container has."""

MAX_PAGE_DOCUMENTS = 1_000

_NOT_TEXT = re.compile(r"[\x00\ud800-\udfff]")


def check_query(container: Container, query: Query) -> None:
    """Refuse a query that no backend answers.

    Raises:
        UndeclaredQueryError: It names no partition and is no sweep.
        InvalidRequestError: The partition isn't the container's, the limit is out of range, or a value is
            no JSON scalar of at most 64 bits. A string with U+0000 is refused too: SQLite's JSON functions
            end strings there.
    """
    if not query.partition and not query.sweep:
        raise UndeclaredQueryError(f"A query of {container.name} must name its partition or be a sweep.")
    check_partition(container, query.partition, whole=False)
    _check_limit(query.limit)
    bad = [where.field for where in query.where if not _is_comparable(where.value)]
    if bad:
        raise InvalidRequestError(
            f"Not a string, a finite number or a boolean: the value for {', '.join(bad)}."
        )


def fitting_index(container: Container, query: Query) -> Index:
    """Return the fields of the declared index that serves a query, the shortest if several do.

    Fields with an equality, in any order, must be exactly the first ones of the index. Of the others, one
    may carry a range and the order, and must be the next; or there is only the order by "id", which every
    index serves because it ends in the id (after a part of its fields, by sorting what those matched). A
    field with an equality may have further conditions and the order too: it is a single value.

    Raises:
        UndeclaredQueryError: No index fits; the message names the one to declare.
    """
    equal = {where.field: None for where in query.where if where.op is Op.EQ}  # a set that keeps the order
    ranged = {where.field for where in query.where} - equal.keys()
    free = ranged | ({query.order_by} - equal.keys())
    only_by_id = free == {"id"} and not ranged

    def fits(index: Index) -> bool:
        upcoming = set(index[len(equal) : len(equal) + 1])
        return set(index[: len(equal)]) == equal.keys() and (only_by_id or free <= upcoming)

    candidates = [index for index in (ID_INDEX, *container.indexes) if fits(index)]
    if candidates:
        return min(candidates, key=len)
    if len(free) > 1:
        fields = ", ".join(sorted(free))
        raise UndeclaredQueryError(f"Only one field may carry a range or the order, not all of {fields}.")
    missing = (*equal, *(set() if only_by_id else free))
    raise UndeclaredQueryError(
        f"No index of {container.name} serves this query: declare {missing} in shared/domain/containers.py."
    )


def check_changes(container: Container, partition: Partition, limit: int) -> None:
    """Refuse a question for changes that no backend answers.

    Raises:
        UndeclaredQueryError: It names no partition.
        InvalidRequestError: The partition isn't the container's, or the limit is out of range.
    """
    check_partition(container, partition, whole=False)
    if not partition:
        raise UndeclaredQueryError(f"The changes of {container.name} must be asked for by partition.")
    _check_limit(limit)


def seal_stream_place(container: Container, partition: Partition, place: int | str) -> str:
    """Return an opaque token for a place in a stream of changes, valid for this stream only."""
    return _seal(_stream_fingerprint(container, partition), place)


def open_stream_place(
    container: Container, partition: Partition, token: str, kind: type[StreamPlace]
) -> StreamPlace:
    """Return the place that a token was sealed with: a number that fits 63 bits, or a string.

    Raises:
        InvalidRequestError: The token is mangled, or another stream's.
    """
    place = _open(_stream_fingerprint(container, partition), token)
    if type(place) is not kind or (kind is int and not 0 <= int(place) < 2**63):
        raise mangled_continuation()
    return place


def seal_continuation(container: Container, query: Query, place: Any) -> str:
    """Return an opaque token for the JSON value `place`, valid with this query only."""
    return _seal(_fingerprint(container, query), place)


def open_continuation(container: Container, query: Query) -> Any:
    """Return the place that the query's continuation was sealed with; None without a continuation.

    Raises:
        InvalidRequestError: The token is mangled, or another query's.
    """
    return None if query.continuation is None else _open(_fingerprint(container, query), query.continuation)


def _seal(fingerprint: str, place: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([fingerprint, place])).decode()


def _open(fingerprint: str, token: str) -> Any:
    try:
        sealed, place = orjson.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise mangled_continuation() from error
    if sealed != fingerprint:
        problem = Problem("continuation", "belongs to another list; leave it out to begin anew")
        raise InvalidRequestError("The continuation belongs to another query.", [problem])
    return place


def mangled_continuation() -> InvalidRequestError:
    """Return the error for a continuation that no page came with."""
    problem = Problem("continuation", "send it as it came, or leave it out to begin anew")
    return InvalidRequestError("The continuation is mangled.", [problem])


def _fingerprint(container: Container, query: Query) -> str:
    conditions = [(where.field, where.op.value, where.value) for where in query.where]
    return _hashed(container.name, query.partition, conditions, query.order_by, query.descending, query.sweep)


def _stream_fingerprint(container: Container, partition: Partition) -> str:
    return _hashed("changes", container.name, partition)


def _hashed(*parts: Any) -> str:
    return blake2b(orjson.dumps(parts), digest_size=8).hexdigest()


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE_DOCUMENTS:
        raise InvalidRequestError(f"The limit must be 1 to {MAX_PAGE_DOCUMENTS}.")


def _is_comparable(value: Scalar | None) -> bool:
    if isinstance(value, str):
        return _NOT_TEXT.search(value) is None
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and -(2**63) <= value < 2**63
