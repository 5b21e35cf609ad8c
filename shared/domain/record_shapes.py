"""What records look like, without saying what is in them: types of fields, and shapes of values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from shared.domain.dates import is_date, is_date_time
from shared.domain.model import WireModel

MAX_FIELDS = 300
"""More are not told."""

_MAX_DEPTH = 5
_LONGEST_SHAPE = 40
_TYPES = {bool: "boolean", int: "whole number", float: "number", type(None): "null", list: "list"}


class FieldShape(WireModel):
    """One field of some records: its dotted path, the types of its values, and how many records have it."""

    path: str
    types: tuple[str, ...]
    records: int


class FieldTally:
    """Counts the fields of records."""

    def __init__(self) -> None:
        self._types: dict[str, set[str]] = {}
        self._records: dict[str, int] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one record's fields; those of objects in it by their dotted paths."""
        for path, value in _leaves(record, "", _MAX_DEPTH):
            if path in self._types or len(self._types) < MAX_FIELDS:
                self._types.setdefault(path, set()).add(type_of(value))
                self._records[path] = self._records.get(path, 0) + 1

    def shapes(self) -> tuple[FieldShape, ...]:
        """Return every field in the order in which they came first."""
        return tuple(
            FieldShape(path=path, types=tuple(sorted(types)), records=self._records[path])
            for path, types in self._types.items()
        )


def type_of(value: Any) -> str:
    """Name the type of a JSON value; text that is a date or a time says so."""
    if isinstance(value, str):
        return "date-time" if is_date_time(value) else "date" if is_date(value) else "text"
    return _TYPES.get(type(value), "object")


def shape_of(value: str | int) -> str:
    """Describe an id or a time without giving it away: its type, and letters and digits as `a` and `9`."""
    kind = type_of(value)
    if not isinstance(value, str) or kind != "text":
        return kind
    shape = re.sub(r"[0-9]", "9", re.sub(r"[^\W\d_]", "a", value))
    return f"text like {shape}" if len(shape) <= _LONGEST_SHAPE else f"text of {len(shape)} characters"


def _leaves(record: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and value and depth > 1:
            yield from _leaves(value, f"{path}.", depth - 1)
        else:
            yield path, value
