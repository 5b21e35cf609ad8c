"""Values in queries: paths, what compares with what, and the order of types.

Order of types (Microsoft: "ORDER BY in Azure Cosmos DB"): undefined, null, boolean, number, string, array,
object. Undefined values are left out here, as an index does that has no entry for them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tests.doubles.cosmos.errors import bad_request

Path = tuple[str, ...]
SortKey = tuple[int, Any]

MISSING: Any = object()

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def at(document: Any, path: Path) -> Any:
    """Return the value at a path, or `MISSING`."""
    for name in path:
        if not isinstance(document, dict):
            return MISSING
        document = document.get(name, MISSING)
    return document


def comparison_with(comparison: str, value: Any) -> Callable[[Any], bool]:
    """Return what compares others with a value; nothing of another type, or undefined, ever holds."""
    rank = type_rank(value)
    if rank is not None and _NULL < rank < _ARRAY:
        compare, types = COMPARISONS[comparison], _TYPES[rank]
        return lambda other: type(other) in types and compare(other, value)
    if rank == _NULL:
        return lambda other: other is None and comparison in {"=", "<=", ">="}
    return lambda other: comparison == "=" and _equal(other, value)


def sort_key(value: Any) -> SortKey | None:
    """Return what puts values in the service's order; None if undefined. Comes through JSON unchanged."""
    rank = type_rank(value)
    if rank is None:
        return None
    return (rank, value if rank < _ARRAY else orjson.dumps(value).decode())


def type_rank(value: Any) -> int | None:
    if value is MISSING:
        return None
    rank = _RANKS.get(type(value))
    if rank is None:
        raise bad_request(f"A {type(value).__name__} is no value of JSON.")
    return rank


def _equal(left: Any, right: Any) -> bool:
    if type_rank(left) != type_rank(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_equal(left[name], right[name]) for name in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)


_NULL = 0
_ARRAY = 4
_TYPES: Mapping[int, tuple[type, ...]] = {1: (bool,), 2: (int, float), 3: (str,)}
_RANKS: Mapping[type, int] = {type(None): _NULL, bool: 1, int: 2, float: 2, str: 3, list: _ARRAY, dict: 5}
