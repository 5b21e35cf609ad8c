"""Dotted paths: read from a record, written into a shard's data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import StringConstraints

PATH_PATTERN = r"^[A-Za-z0-9_$@-]+(\.[A-Za-z0-9_$@-]+){0,9}$"

FieldPath = Annotated[str, StringConstraints(pattern=PATH_PATTERN, max_length=300)]
"""A dotted path into a JSON object, at most ten levels."""

Reader = Callable[[Mapping[str, Any]], Any]
Writer = Callable[[dict[str, Any], Any], None]


def compile_path(path: str) -> Reader:
    """Return a reader of a dotted path; it gives None where the path leads nowhere."""
    first, _, rest = path.partition(".")
    if not rest:
        return lambda record: record.get(first)
    read_rest = compile_path(rest)

    def read(record: Mapping[str, Any]) -> Any:
        value = record.get(first)
        return read_rest(value) if isinstance(value, dict) else None

    return read


def compile_target(path: str) -> Writer:
    """Return a writer to a dotted path; it makes the objects on the way."""
    *parents, last = path.split(".")

    def write(data: dict[str, Any], value: Any) -> None:
        for name in parents:
            data = data.setdefault(name, {})
        data[last] = value

    return write


def parents_of(path: str) -> set[str]:
    """Return the paths of the objects that a path leads through."""
    names = path.split(".")
    return {".".join(names[:length]) for length in range(1, len(names))}
