"""What can be done with one item, alone or in a batch, and the rules of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.doubles.cosmos import charges
from tests.doubles.cosmos.container import Container, Item, checked_ttl
from tests.doubles.cosmos.errors import bad_request, conflict, not_found, precondition_failed, too_large
from tests.doubles.cosmos.partition_keys import Key, mismatch
from tests.doubles.cosmos.patch import patched

MAX_ITEM_BYTES = 2 * 1024 * 1024
"""Of its JSON in UTF-8 (Microsoft: Azure Cosmos DB service quotas, "Per-item limits")."""
MAX_ID_BYTES = 1023
FORBIDDEN_IN_IDS = frozenset("/\\?#")


@dataclass(frozen=True)
class Result:
    """How one operation ended.

    Attributes:
        item: The version that was read or written; None after a deletion and for 304.
        etag: Of the version that the answer is about, or None after a deletion.
    """

    status: int
    charge: float
    item: Item | None = None
    etag: str | None = None


def read(container: Container, key: Key, name: str, *, unless_match: str | None = None) -> Result:
    """Return an item, or 304 if it still has this ETag."""
    item = _existing(container, key, name)
    charge = charges.read(len(item.raw))
    if unless_match in {item.etag, "*"}:
        return Result(304, charge, etag=item.etag)
    return Result(200, charge, item, item.etag)


def create(container: Container, key: Key, body: Mapping[str, Any], size: int) -> Result:
    name = _checked(container, key, body, size)
    if container.get((key, name)) is not None:
        raise conflict(name)
    return _written(201, container.put((key, name), body))


def upsert(
    container: Container, key: Key, body: Mapping[str, Any], size: int, *, if_match: str | None = None
) -> Result:
    """Create or replace an item; `if_match` is looked at only where there is one.

    A missing item is created in spite of `if_match` (Azure/azure-cosmos-dotnet-v3, issue 1698).
    """
    name = _checked(container, key, body, size)
    before = container.get((key, name))
    if before is None:
        return _written(201, container.put((key, name), body))
    _must_match(before, if_match)
    return _written(200, container.put((key, name), body))


def replace(
    container: Container,
    key: Key,
    name: str,
    body: Mapping[str, Any],
    size: int,
    *,
    if_match: str | None = None,
) -> Result:
    if _checked(container, key, body, size) != name:
        raise bad_request("The id of the item can't be changed.")
    _must_match(_existing(container, key, name), if_match)
    return _written(200, container.put((key, name), body))


def patch(
    container: Container, key: Key, name: str, change: Mapping[str, Any], *, if_match: str | None = None
) -> Result:
    """Apply a list of patch operations; a condition is refused, because it is a query of its own grammar."""
    if "condition" in change:
        raise bad_request("The double doesn't know conditions of patches.")
    before = _existing(container, key, name)
    _must_match(before, if_match)
    body = patched(
        {field: value for field, value in before.body.items() if field[0] != "_"}, change.get("operations")
    )
    if body.get("id") != name or container.key.of_item(body) != key:
        raise bad_request("A patch can't change the id or the partition key.")
    return _written(200, container.put((key, name), body))


def delete(container: Container, key: Key, name: str, *, if_match: str | None = None) -> Result:
    item = _existing(container, key, name)
    _must_match(item, if_match)
    container.delete((key, name))
    return Result(204, charges.delete(len(item.raw)))


def checked_name(name: Any) -> str:
    """Return the id of an item, or of a database or container.

    Raises:
        Refused: 400; it is no text, empty, too long or has a forbidden character.
    """
    if not isinstance(name, str) or not name:
        raise bad_request(
            "The input content is invalid because the required properties - 'id; ' - are missing."
        )
    if len(name.encode()) > MAX_ID_BYTES:
        raise bad_request(f"The id is longer than {MAX_ID_BYTES} bytes.")
    if FORBIDDEN_IN_IDS.intersection(name):
        raise bad_request("The id contains illegal chars: it can't have '/', '\\', '?' or '#'.")
    return name


def _checked(container: Container, key: Key, body: Any, size: int) -> str:
    if not isinstance(body, dict):
        raise bad_request("The request's content is not a JSON object.")
    if size > MAX_ITEM_BYTES:
        raise too_large("Request size is too large")
    name = checked_name(body.get("id"))
    if "ttl" in body:
        checked_ttl(body["ttl"])
    if container.key.of_item(body) != key:
        raise mismatch()
    return name


def _existing(container: Container, key: Key, name: str) -> Item:
    item = container.get((key, name))
    if item is None:
        raise not_found(name)
    return item


def _must_match(item: Item, if_match: str | None) -> None:
    if if_match not in {None, "*", item.etag}:
        raise precondition_failed()


def _written(status: int, item: Item) -> Result:
    size = len(item.raw)
    charge = charges.insert(size) if status == 201 else charges.replace(size)
    return Result(status, charge, item, item.etag)
