"""Pages of queries and of the change feed, and the tokens that lead from one to the next."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from tests.doubles.cosmos.container import Container, Item
from tests.doubles.cosmos.errors import bad_request
from tests.doubles.cosmos.partition_keys import Key
from tests.doubles.cosmos.query_grammar import Query, Select
from tests.doubles.cosmos.query_values import MISSING, SortKey, at, sort_key

DEFAULT_PAGE = 100
MOST_OF_A_PAGE = 1000
MAX_PAGE_BYTES = 4 * 1024 * 1024
"""Of a page (Microsoft: Azure Cosmos DB service quotas, "Maximum response size")."""


@dataclass(frozen=True)
class Scope:
    """Which part of a container a request looks at.

    Attributes:
        key: One partition, or None.
        ranges: Otherwise the ranges of places, each [start, end); a page comes from one of them.
    """

    key: Key | None
    ranges: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Page:
    """Documents as JSON, the items' sizes in bytes, and the token of the next page if there may be one."""

    documents: list[bytes]
    sizes: list[int]
    token: str | None


def query_page(
    container: Container,
    query: Query,
    given: Mapping[str, Any],
    scope: Scope,
    *,
    identity: bytes,
    token: str | None,
    limit: int,
) -> Page:
    """Return a page.

    Args:
        identity: What the token is bound to: the request's query, parameters and scope.

    Raises:
        Refused: 400; the token is of another query.
    """
    bound = hashlib.sha256(container.rid.encode() + identity).hexdigest()[:16]
    position = _read_token(token, bound) if token else _Position(0, None)
    matches = query.where.bind(given)
    items = [
        item for item in _candidates(container, query, given, scope, position.range) if matches(item.body)
    ]
    if query.select.form in {"count", "partial"}:
        count = b"%d" % len(items)
        return Page([b'[{"item":%s}]' % count if query.select.form == "partial" else count], [1], None)
    found = [entry for entry in _in_order(query, items) if _is_after(query, entry, position.after)]
    page = _cut([item for _, item in found], limit)
    following = _following(scope, position, found, len(page))
    documents = [_document(query, item) for item in page]
    return Page(documents, [len(item.raw) for item in page], _written_token(following, bound))


def changes_page(container: Container, scope: Scope, after: int, since: int, limit: int) -> tuple[Page, int]:
    """Return the latest versions after a sequence number, and the number to go on from.

    Args:
        since: Seconds since 1970; older versions are left out.
    """
    start, end = scope.ranges[0]
    page: list[Item] = []
    seen = after
    for item in container.changes(after):
        if len(page) == limit:
            break
        seen = item.lsn
        if item.changed_at > since and (item.key == scope.key if scope.key else start <= item.place < end):
            page.append(item)
    else:
        seen = max(seen, container.lsn)
    documents = [item.raw[:-1] + b',"_lsn":%d}' % item.lsn for item in page]
    return Page(documents, [len(item.raw) for item in page], None), seen


def page_size(header: str | None) -> int:
    """Return the number of items that `x-ms-max-item-count` asks for; -1 leaves it to the service."""
    if header is None:
        return DEFAULT_PAGE
    if not header.removeprefix("-").isdecimal() or int(header) < -1 or int(header) == 0:
        raise bad_request(f"x-ms-max-item-count is invalid: {header}.")
    return MOST_OF_A_PAGE if int(header) == -1 else min(int(header), MOST_OF_A_PAGE)


_Entry = tuple[SortKey | None, Item]


@dataclass(frozen=True)
class _Position:
    """Where a page begins: in a range, after an item's sort key and number."""

    range: int
    after: tuple[SortKey | None, int] | None


def _candidates(
    container: Container, query: Query, given: Mapping[str, Any], scope: Scope, number: int
) -> Iterator[Item]:
    if scope.key is None:
        return container.between(*scope.ranges[number])
    if query.where.ids is None:
        return container.partition(scope.key)
    key, names = scope.key, query.where.ids(given)
    found = (container.get((key, name)) for name in {name for name in names if isinstance(name, str)})
    return (item for item in found if item is not None)


def _in_order(query: Query, items: list[Item]) -> list[_Entry]:
    items.sort(key=lambda item: item.number)
    path = query.order_by
    if path is None:
        return [(None, item) for item in items]
    keyed = [(key, item) for item in items if (key := sort_key(at(item.body, path))) is not None]
    keyed.sort(key=lambda entry: entry[0], reverse=query.descending)
    return list(keyed)


def _is_after(query: Query, entry: _Entry, after: tuple[SortKey | None, int] | None) -> bool:
    if after is None:
        return True
    key, item = entry
    last, number = after
    if key is None or last is None or key == last:
        return item.number > number
    return key < last if query.descending else key > last


def _cut(items: list[Item], limit: int) -> list[Item]:
    page: list[Item] = []
    size = 0
    for item in islice(items, limit):
        size += len(item.raw)
        if page and size > MAX_PAGE_BYTES:
            break
        page.append(item)
    return page


def _following(scope: Scope, position: _Position, found: Sequence[_Entry], taken: int) -> _Position | None:
    if taken < len(found):
        key, item = found[taken - 1]
        return _Position(position.range, (key, item.number))
    if scope.key is None and position.range + 1 < len(scope.ranges):
        return _Position(position.range + 1, None)
    return None


def _document(query: Query, item: Item) -> bytes:
    payload = _payload(query.select, item)
    if query.select.form == "items":
        return payload
    by = at(item.body, query.order_by or ())
    wrapped = {"_rid": item.body["_rid"], "orderByItems": [{"item": by}], "payload": orjson.Fragment(payload)}
    return orjson.dumps(wrapped)


def _payload(select: Select, item: Item) -> bytes:
    if select.fields is None:
        return item.raw
    values = ((path[-1], at(item.body, path)) for path in select.fields)
    return orjson.dumps({name: value for name, value in values if value is not MISSING})


def _written_token(position: _Position | None, bound: str) -> str | None:
    if position is None:
        return None
    return base64.urlsafe_b64encode(orjson.dumps([bound, position.range, position.after])).decode()


def _read_token(token: str, bound: str) -> _Position:
    try:
        found, number, after = orjson.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError, binascii.Error):
        raise bad_request("The continuation token is invalid.") from None
    if found != bound:
        raise bad_request("The continuation token is of another query.")
    if after is None:
        return _Position(number, None)
    key, last = after
    return _Position(number, (None if key is None else (key[0], key[1]), last))
