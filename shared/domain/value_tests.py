"""Tests that validation rules put a value to. Each takes any JSON value and never raises."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from shared.domain.dates import iso_moment

Test = Callable[[Any], bool]
Bound = int | float | str

_NUMBERS = frozenset({int, float})  # and not their subclass bool


def range_test(low: Bound | None, high: Bound | None) -> Test:
    """Return the test of a number, or of a date or time if a bound is ISO 8601 text; bounds are inclusive.

    Raises:
        ValueError: A bound is text and no date.
    """
    if isinstance(low, str) or isinstance(high, str):
        return _moment_range_test(low, high)
    least = float("-inf") if low is None else low
    most = float("inf") if high is None else high

    def is_within(value: Any) -> bool:
        return type(value) in _NUMBERS and least <= value <= most

    return is_within


def _moment_range_test(low: Bound | None, high: Bound | None) -> Test:
    try:
        least = None if low is None else iso_moment(low)
        most = None if high is None else iso_moment(high)
    except (ValueError, OverflowError):
        raise ValueError("a bound is a number, or a date or time in ISO 8601 such as 2026-01-31") from None

    def is_within(value: Any) -> bool:
        try:
            moment = iso_moment(value)
        except (ValueError, TypeError, OverflowError):
            return False
        return (least is None or least <= moment) and (most is None or moment <= most)

    return is_within


def shortest_test(length: int) -> Test:
    """Return the test that a text has at least so many characters, or a list so many items."""
    return lambda value: isinstance(value, (str, list)) and len(value) >= length


def longest_test(length: int) -> Test:
    """Return the test that a text has at most so many characters, or a list so many items."""
    return lambda value: isinstance(value, (str, list)) and len(value) <= length


def enum_test(allowed: Collection[str | float | bool]) -> Test:
    """Return the test that a value is one of those given. True is not 1, though Python says so."""
    known = frozenset((isinstance(value, bool), value) for value in allowed)

    def is_known(value: Any) -> bool:
        try:
            return (isinstance(value, bool), value) in known
        except TypeError:  # a list or an object
            return False

    return is_known
