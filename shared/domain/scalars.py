"""JSON's plain values, and the two conversions that transforms share."""

from __future__ import annotations

from typing import Any

Scalar = str | int | float | bool | None

_INT64 = range(-(2**63), 2**64)
"""The integers that the JSON library writes (orjson, "int": signed and unsigned 64 bits)."""
_LONGEST_INT64 = 20
_NUMBERS = frozenset({int, float})  # and not their subclass bool


def to_text(value: Any) -> str:
    """Return a plain value as text; true and false as JSON writes them.

    Raises:
        TypeError: It is a list or an object.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        raise TypeError
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def is_blank(value: Any) -> bool:
    """True for text in which nothing is written."""
    return isinstance(value, str) and (not value or value.isspace())


def to_number(value: Any) -> int | float:
    """Return a number, or the number that a text holds: `12`, `-1.5`, `1e3`. Whole ones stay whole.

    Raises:
        TypeError: It is neither a number nor text.
        ValueError: The text is no number that JSON has.
    """
    if type(value) in _NUMBERS:
        return _finite(value)
    if not isinstance(value, str):
        raise TypeError
    return _parsed(value)


def _parsed(text: str) -> int | float:
    if "_" in text or not text.isascii():  # Python reads 1_000 and digits of other scripts; JSON does not
        raise ValueError
    try:
        number = int(text) if len(text) <= _LONGEST_INT64 else None
    except ValueError:
        number = None
    return number if number is not None and number in _INT64 else _finite(float(text))


def _finite(number: float) -> float:
    if number - number != 0:  # infinite, or not a number: JSON has neither
        raise ValueError
    return number
