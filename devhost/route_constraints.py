"""ASP.NET's inline route constraints, those that Functions takes: `{id:int}`, `{name:length(1,20)}` ..."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

Constraint: TypeAlias = Callable[[str], bool]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_GUID = re.compile(
    r"[0-9a-f]{32}|(?P<open>[{(])?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?(open)[)}])", re.IGNORECASE
)
_ALPHA = re.compile(r"[a-z]*", re.IGNORECASE)


def make_constraint(name: str, argument: str | None) -> Constraint:
    """Return the test that a path segment must pass.

    Raises:
        ValueError: There is no such constraint, or its argument is wrong.
    """
    maker = _MAKERS.get(name.lower())
    if maker is None:
        raise ValueError(f"there is no route constraint {name!r} in devhost")
    try:
        return maker(*_arguments(name, argument))
    except (TypeError, ValueError, re.error) as error:
        raise ValueError(f"the route constraint {name}({argument or ''}) is malformed") from error


def _arguments(name: str, argument: str | None) -> list[str]:
    if argument is None:
        return []
    return [argument] if name.lower() == "regex" else [part.strip() for part in argument.split(",")]


def _integer_of(bits: int) -> Callable[[], Constraint]:
    limit = 1 << (bits - 1)
    return lambda: lambda text: bool(_INTEGER.fullmatch(text)) and -limit <= int(text) < limit


def _matching(pattern: re.Pattern[str]) -> Callable[[], Constraint]:
    return lambda: lambda text: bool(pattern.fullmatch(text))


def _value_between(low: str, high: str) -> Constraint:
    least, most = int(low), int(high)
    is_long = _integer_of(64)()
    return lambda text: is_long(text) and least <= int(text) <= most


def _length(low: str, high: str | None = None) -> Constraint:
    least, most = int(low), int(high or low)
    return lambda text: least <= len(text) <= most


def _min_length(low: str) -> Constraint:
    least = int(low)
    return lambda text: len(text) >= least


def _max_length(high: str) -> Constraint:
    most = int(high)
    return lambda text: len(text) <= most


def _regex(expression: str) -> Constraint:
    """ASP.NET searches anywhere in the segment, ignores case, and has braces and backslashes doubled."""
    pattern = re.compile(
        expression.replace("{{", "{").replace("}}", "}").replace("\\\\", "\\"), re.IGNORECASE
    )
    return lambda text: bool(pattern.search(text))


_MAKERS: dict[str, Callable[..., Constraint]] = {
    "int": _integer_of(32),
    "long": _integer_of(64),
    "decimal": _matching(_NUMBER),
    "double": _matching(_NUMBER),
    "float": _matching(_NUMBER),
    "guid": _matching(_GUID),
    "alpha": _matching(_ALPHA),
    "bool": lambda: lambda text: text.lower() in {"true", "false"},
    "required": lambda: bool,
    "length": _length,
    "minlength": _min_length,
    "maxlength": _max_length,
    "min": lambda low: _value_between(low, str((1 << 63) - 1)),
    "max": lambda high: _value_between(str(-(1 << 63)), high),
    "range": _value_between,
    "regex": _regex,
}
