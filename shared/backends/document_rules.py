"""What every document backend demands of ids, partitions and bodies, so that all of them refuse the same.

An id that no document can have is not an error of a look-up: it is simply not there. A partition of the
wrong shape is the caller's mistake everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

from shared.domain.containers import NO_TTL, Container
from shared.domain.errors import InvalidRequestError, Problem
from shared.domain.text_patterns import pattern_test
from shared.ports.documents import Delete, JsonObject, Partition, Put, Write

NO_EXPIRY = -1
"""A document's own `ttl` that overrides its container's default with none at all."""

MAX_TTL_SECONDS = 2**31 - 1
"""Cosmos DB's upper bound for a `ttl`."""

# Cosmos DB refuses / \ ? # in ids. SQLite's JSON functions end a string at U+0000. The test
# itself refuses lone surrogates, which UTF-8 has not.
_is_identifier = pattern_test(r"^[^/\\?#\x00]+$", longest=255)

# What orjson would turn into strings without a word is refused: a document holds JSON types only.
_JSON_TYPES_ONLY = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def is_identifier(value: object) -> bool:
    """True for what may be an id or a partition value."""
    return _is_identifier(value)


def check_partition(container: Container, partition: Partition, *, whole: bool = True) -> None:
    """Refuse a partition that isn't the container's.

    Args:
        container: The declaration.
        partition: The partition's values, outermost first.
        whole: False admits a prefix, as queries do.

    Raises:
        InvalidRequestError: Too many or too few values, or one that is no identifier.
    """
    expected = container.partition_key
    if len(partition) > len(expected) or (whole and len(partition) < len(expected)):
        message = f"{container.name} is partitioned by {', '.join(expected)}; got {len(partition)} values."
        raise InvalidRequestError(message)
    problems = [
        _not_an_identifier(n) for n, v in zip(expected, partition, strict=False) if not is_identifier(v)
    ]
    if problems:
        raise InvalidRequestError(f"Invalid partition for {container.name}.", problems)


def partition_of(container: Container, body: JsonObject) -> Partition:
    """Return the partition that a body names.

    Raises:
        InvalidRequestError: A partition field is missing or is no identifier.
    """
    partition = tuple(body.get(field, "") for field in container.partition_key)
    check_partition(container, partition)
    return partition


def check_write(container: Container, partition: Partition, write: Write) -> None:
    """Refuse a write that no backend takes: a bad id, or a body of another partition.

    Raises:
        InvalidRequestError: With a problem for each field to mend.
    """
    document_id = write.id if isinstance(write, Delete) else write.body.get("id")
    is_ours = isinstance(write, Delete) or tuple(map(write.body.get, container.partition_key)) == partition
    if is_ours and is_identifier(document_id):
        return
    problems = [] if isinstance(write, Delete) else _foreign_fields(container, partition, write)
    if not is_identifier(document_id):
        problems.append(_not_an_identifier("id"))
    if problems:
        raise InvalidRequestError(f"Invalid document for {container.name}.", problems)


def encode(body: JsonObject) -> bytes:
    """Return a body as JSON in UTF-8.

    Raises:
        InvalidRequestError: It holds what JSON has no word for: NaN or an infinity, a key that is not a
            string, a lone surrogate, an integer over 64 bits, a date.
    """
    try:
        data = orjson.dumps(body, option=_JSON_TYPES_ONLY)
    except TypeError as error:
        raise InvalidRequestError(f"The document is not JSON: {error}.") from error
    # orjson writes NaN as null: only a document with a null in it can have one, and few are worth the walk.
    # Looking from the right takes half as long.
    if data.rfind(b"null") >= 0 and not _is_finite(body):
        raise InvalidRequestError("The document is not JSON: it holds NaN or an infinity.")
    return data


def lifetime_seconds(container: Container, body: JsonObject) -> int | None:
    """Return how long a document lives from this write on; None for as long as nobody deletes it.

    Raises:
        InvalidRequestError: Its `ttl` is neither -1 nor 1 to MAX_TTL_SECONDS. Cosmos DB refuses such a one
            also where it doesn't count.
    """
    if container.default_ttl is NO_TTL and "ttl" not in body:
        return None
    ttl = body.get("ttl", container.default_ttl)
    if type(ttl) is not int or not (ttl == NO_EXPIRY or 0 < ttl <= MAX_TTL_SECONDS):
        problem = Problem("ttl", f"must be -1 or an integer from 1 to {MAX_TTL_SECONDS}")
        raise InvalidRequestError(f"Invalid document for {container.name}.", [problem])
    return None if ttl == NO_EXPIRY or container.default_ttl is NO_TTL else ttl


def _foreign_fields(container: Container, partition: Partition, put: Put) -> list[Problem]:
    fields = zip(container.partition_key, partition, strict=True)
    return [Problem(name, "must be the partition's") for name, value in fields if put.body.get(name) != value]


def _not_an_identifier(field: str) -> Problem:
    return Problem(field, "must be a string of 1 to 255 characters without / \\ ? # and U+0000")


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    return not isinstance(value, list | tuple) or all(map(_is_finite, value))
