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


def holds(comparison: str, left: Any, right: Any) -> bool:
    """Compare two values; of different types, nothing holds."""
    rank = type_rank(left)
    if rank is None or rank != type_rank(right):
        return False
    if comparison == "=":
        return _equal(left, right)
    if rank == _NULL:
        return comparison in {"<=", ">="}
    return rank < _ARRAY and COMPARISONS[comparison](left, right)


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
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(holds("=", left[name], right[name]) for name in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(holds("=", *pair) for pair in zip(left, right, strict=True))
    return bool(left == right)


_NULL = 0
_ARRAY = 4
_RANKS: Mapping[type, int] = {type(None): 0, bool: 1, int: 2, float: 2, str: 3, list: _ARRAY, dict: 5}
