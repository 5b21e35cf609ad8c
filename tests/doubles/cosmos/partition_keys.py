"""Partition keys: what a container defines, what a header says, what an item has, and where it lies.

The place is the effective partition key (EPK): upper-case hexadecimal digits, compared as text. The hashes
are those of partition key version 2: one of all components (kind Hash), or one of each, joined (kind
MultiHash), so that all items under a prefix lie together. A hash's two highest bits are cleared: every place
is below "FF".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from tests.doubles.cosmos.errors import WRONG_PARTITION, Refused, bad_request
from tests.doubles.cosmos.murmur import murmur3_128


class Undefined:
    """The component of an item that hasn't the field; `{}` in a header."""

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED = Undefined()

Component = str | float | bool | None | Undefined
Key = tuple[tuple[str, Component], ...]
"""The components, each with its type's name, so that `1`, `1.0` and `True` stay apart as in JSON."""

MAX_COMPONENTS = 3
MAX_KEY_BYTES = 2048
"""Of a partition key of version 2 (Microsoft: Azure Cosmos DB service quotas, "Per-item limits")."""


@dataclass(frozen=True)
class KeyDefinition:
    """Where the components of a container's partition key are."""

    paths: tuple[tuple[str, ...], ...]
    kind: str

    @classmethod
    def parse(cls, definition: Any) -> KeyDefinition:
        if not isinstance(definition, dict):
            raise bad_request("The partition key definition is missing.")
        kind, paths = definition.get("kind", "Hash"), definition.get("paths") or []
        if definition.get("version") != 2:
            raise bad_request("The double only knows partition keys of version 2.")
        if kind not in {"Hash", "MultiHash"} or not _are_paths(paths):
            raise bad_request(f"The partition key definition is invalid: {definition!r}.")
        if (kind == "Hash" and len(paths) != 1) or len(paths) > MAX_COMPONENTS:
            raise bad_request(f"A partition key of kind {kind} can't have {len(paths)} paths.")
        return cls(tuple(tuple(path[1:].split("/")) for path in paths), kind)

    def of_item(self, body: Mapping[str, Any]) -> Key:
        return typed([_at(body, path) for path in self.paths])

    def of_header(self, header: str | None) -> Key:
        """Return the whole key that a request names.

        Raises:
            Refused: 400; there is no header, it isn't a list of scalars, or not one of each path.
        """
        if header is None:
            raise bad_request("The partition key header is missing.", substatus=WRONG_PARTITION)
        try:
            parts = orjson.loads(header)
        except orjson.JSONDecodeError:
            raise bad_request("The partition key header is not JSON.") from None
        if not isinstance(parts, list) or len(parts) != len(self.paths):
            raise mismatch()
        key = typed([UNDEFINED if part == {} else part for part in parts])
        if len(header.encode()) > MAX_KEY_BYTES:
            raise bad_request(f"The partition key is longer than {MAX_KEY_BYTES} bytes.")
        return key

    def place(self, key: Key) -> str:
        return place(key, self.kind)


def mismatch() -> Refused:
    return bad_request(
        "PartitionKey extracted from document doesn't match the one specified in the header.",
        substatus=WRONG_PARTITION,
    )


def typed(parts: Sequence[Any]) -> Key:
    return tuple((_type_name(part), float(part) if _is_number(part) else part) for part in parts)


@lru_cache(maxsize=65_536)
def place(key: Key, kind: str) -> str:
    """Return the effective partition key."""
    pieces = [_encoded(name, part) for name, part in key]
    if kind == "Hash":
        return _hashed(b"".join(pieces))
    return "".join(map(_hashed, pieces))


def _hashed(data: bytes) -> str:
    low, high = murmur3_128(data)
    raw = bytearray((high << 64 | low).to_bytes(16, "big"))
    raw[0] &= 0x3F
    return raw.hex().upper()


def _encoded(name: str, part: Component) -> bytes:
    if isinstance(part, str):
        return b"\x08" + part.encode() + b"\xff"
    if name == "number":
        return b"\x05" + struct.pack("<d", part)
    if isinstance(part, bool):
        return b"\x03" if part else b"\x02"
    return b"\x00" if part is UNDEFINED else b"\x01"


def _type_name(part: Any) -> str:
    if part is UNDEFINED:
        return "undefined"
    if part is None:
        return "null"
    if isinstance(part, bool):
        return "boolean"
    if isinstance(part, str):
        return "string"
    if _is_number(part):
        return "number"
    raise bad_request("A partition key's component is an object or an array.", substatus=WRONG_PARTITION)


def _is_number(part: Any) -> bool:
    return isinstance(part, int | float) and not isinstance(part, bool)


def _at(body: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = body
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return UNDEFINED
        value = value[name]
    return value


def _are_paths(paths: Any) -> bool:
    return (
        isinstance(paths, list)
        and bool(paths)
        and all(isinstance(path, str) and path.startswith("/") and len(path) > 1 for path in paths)
    )
