"""One container in memory: its items, their order of changes, their lifetimes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from tests.doubles.cosmos.errors import bad_request
from tests.doubles.cosmos.indexing import DEFAULT_POLICY, Index
from tests.doubles.cosmos.partition_keys import Key, KeyDefinition

FOREVER = -1
MAX_TTL_SECONDS = 2_147_483_647
COMPACT_FROM = 1000

ItemId = tuple[Key, str]


@dataclass(slots=True)
class Item:
    """One version of a document.

    Attributes:
        number: Stays over all versions; the order of creation.
        lsn: The logical sequence number of this write.
        place: The effective partition key.
        ttl: Its own lifetime in seconds, -1 for ever, None for the container's.
        raw: The body as JSON, its system fields included.
    """

    id: str
    key: Key
    place: str
    number: int
    lsn: int
    body: dict[str, Any]
    raw: bytes
    etag: str
    changed_at: int
    ttl: int | None
    current: bool = True


class Container:
    """The items of one container, and what was said when it was created.

    Args:
        properties: The definition as the client sent it.
        now: The current time.
    """

    def __init__(
        self, properties: Mapping[str, Any], rid: str, link: str, now: Callable[[], datetime]
    ) -> None:
        self.key = KeyDefinition.parse(properties.get("partitionKey"))
        self.rid = rid
        self.link = link
        self.properties: dict[str, Any] = {}
        self.lsn = 0
        self._default_ttl: int | None = None
        self._numbers = 0
        self._now = now
        self._items: dict[Key, dict[str, Item]] = {}
        self._log: list[Item] = []
        self._replaced = 0
        self.define(properties)

    def define(self, properties: Mapping[str, Any]) -> None:
        """Take over new properties; the partition key can't change."""
        if KeyDefinition.parse(properties.get("partitionKey")) != self.key:
            raise bad_request("Document collection partition key cannot be changed.")
        self._default_ttl = checked_ttl(properties["defaultTtl"]) if "defaultTtl" in properties else None
        policy = properties.get("indexingPolicy") or DEFAULT_POLICY
        self.index = Index.parse(policy)
        self.lsn += 1
        system = {
            "_rid": self.rid,
            "_ts": self.seconds(),
            "_self": f"dbs/{self.rid[:8]}/colls/{self.rid}/",
            "_etag": self._etag(),
        }
        self.properties = {
            **properties,
            "indexingPolicy": policy,
            **system,
            "_docs": "docs/",
            "_sprocs": "sprocs/",
            "_conflicts": "conflicts/",
        }

    def seconds(self) -> int:
        return int(self._now().timestamp())

    def get(self, item: ItemId) -> Item | None:
        found = self._items.get(item[0], {}).get(item[1])
        return found if found is not None and self._is_alive(found) else None

    def put(self, item_id: ItemId, body: Mapping[str, Any]) -> Item:
        """Store a version, over the one before if there is one."""
        before = self.get(item_id)
        self._forget(item_id)
        self._numbers += 1
        self.lsn += 1
        item = self._version(item_id, body, before.number if before else self._numbers)
        self._items.setdefault(item_id[0], {})[item_id[1]] = item
        self._log.append(item)
        return item

    def delete(self, item: ItemId) -> None:
        self.lsn += 1
        self._forget(item)

    def partition(self, key: Key) -> Iterator[Item]:
        """Yield the living items of one partition, in no order."""
        return filter(self._is_alive, list(self._items.get(key, {}).values()))

    def between(self, start: str, end: str) -> Iterator[Item]:
        """Yield the living items whose place is in [start, end), in no order."""
        for key, items in list(self._items.items()):
            if start <= self.key.place(key) < end:
                yield from filter(self._is_alive, list(items.values()))

    def changes(self, after: int) -> Iterator[Item]:
        """Yield the latest versions that were written after this sequence number, in its order."""
        if self._replaced > max(COMPACT_FROM, len(self._log) // 2):
            self._log = [item for item in self._log if item.current]
            self._replaced = 0
        start = bisect_right(self._log, after, key=lambda item: item.lsn)
        for at in range(start, len(self._log)):
            item = self._log[at]
            if item.current and self._is_alive(item):
                yield item

    def snapshot(self, items: list[ItemId]) -> dict[ItemId, Item | None]:
        return {item: self.get(item) for item in items}

    def restore(self, before: Mapping[ItemId, Item | None]) -> None:
        """Bring versions back as if nothing had been written since `snapshot`; the log still has them."""
        for item_id, version in before.items():
            self._forget(item_id)
            if version is not None:
                version.current = True
                self._items.setdefault(item_id[0], {})[item_id[1]] = version

    def _version(self, item_id: ItemId, body: Mapping[str, Any], number: int) -> Item:
        key, name = item_id
        etag, now = self._etag(), self.seconds()
        rid = f"{self.rid}{number:012X}"
        document = {
            **body,
            "_rid": rid,
            "_self": f"dbs/{self.rid[:8]}/colls/{self.rid}/docs/{rid}/",
            "_etag": etag,
            "_attachments": "attachments/",
            "_ts": now,
        }
        ttl = checked_ttl(body["ttl"]) if "ttl" in body else None
        raw = orjson.dumps(document)
        return Item(name, key, self.key.place(key), number, self.lsn, document, raw, etag, now, ttl)

    def _etag(self) -> str:
        return f'"{self.lsn:08x}-0000-0d00-0000-{self.seconds():08x}0000"'

    def _is_alive(self, item: Item) -> bool:
        if self._default_ttl is None:
            return True
        ttl = self._default_ttl if item.ttl is None else item.ttl
        return ttl == FOREVER or self._now().timestamp() < item.changed_at + ttl

    def _forget(self, item_id: ItemId) -> None:
        gone = self._items.get(item_id[0], {}).pop(item_id[1], None)
        if gone is None:
            return
        gone.current = False
        self._replaced += 1


def checked_ttl(value: Any) -> int:
    """Return a lifetime in seconds, or -1 for ever.

    Raises:
        Refused: 400; it is neither -1 nor from 1 to 2,147,483,647.
    """
    valid = isinstance(value, int) and not isinstance(value, bool)
    if not valid or not (value == FOREVER or 1 <= value <= MAX_TTL_SECONDS):
        raise bad_request(
            f"The input ttl '{value}' is invalid. Ensure to provide a nonzero positive integer less than or "
            f"equal to '{MAX_TTL_SECONDS}', or '-1'."
        )
    return int(value)
