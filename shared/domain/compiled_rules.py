"""Validation rules, compiled once: a shard's data in, the reasons against it out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic.alias_generators import to_snake

from shared.domain.errors import Reason
from shared.domain.field_paths import Reader, compile_path
from shared.domain.named_checks import NAMED_CHECKS
from shared.domain.text_patterns import pattern_test
from shared.domain.validation_rules import FieldRules
from shared.domain.value_formats import format_test
from shared.domain.value_tests import Test, enum_test, longest_test, range_test, shortest_test

_BLANK: tuple[Any, ...] = ("", [], {})
"""What a field that is required may not hold, besides nothing at all."""


class CompiledRules:
    """A field's rules ready to be asked about many records.

    Attributes:
        field: The shard's field.
        holds: Tells whether a shard's data breaks none of the rules; `broken` says which ones.
    """

    def __init__(self, rules: FieldRules) -> None:
        self.field = rules.field
        self._read = compile_path(rules.field)
        missing = Reason("required", rules.field, f"{rules.field} is required and missing.")
        self._if_missing = (missing,) if rules.required else ()
        self._tests = tuple(
            (test, Reason(code, rules.field, f"{rules.field} {message}."))
            for test, code, message in _tests(rules)
        )
        tests = [test for test, _reason in self._tests]
        self.holds = _whole_test(self._read, tests, required=rules.required)

    def broken(self, data: Mapping[str, Any]) -> tuple[Reason, ...]:
        """Return a reason for each rule that a shard's data breaks."""
        value = self._read(data)
        if value is None or (self._if_missing and value in _BLANK):
            return self._if_missing
        return tuple(reason for test, reason in self._tests if not test(value))


def _whole_test(
    read: Reader, tests: Sequence[Test], *, required: bool
) -> Callable[[Mapping[str, Any]], bool]:
    def holds(data: Mapping[str, Any]) -> bool:
        value = read(data)
        if value is None or (required and not value and value in _BLANK):
            return not required
        for test in tests:  # noqa: SIM110 - all() takes three times as long
            if not test(value):
                return False
        return True

    return holds


def _tests(rules: FieldRules) -> Iterator[tuple[Test, str, str]]:
    if rules.format:
        code = f"format_{to_snake(rules.format)}"
        yield format_test(rules.format, rules.region), code, f"is not a valid {rules.format}"
    if rules.range:
        low, high = rules.range.min, rules.range.max
        bounds = [f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None)
        yield range_test(low, high), "range", f"has to be {' and '.join(bounds)}"
    if rules.min_length is not None:
        yield shortest_test(rules.min_length), "min_length", f"is shorter than {rules.min_length}"
    if rules.max_length is not None:
        yield longest_test(rules.max_length), "max_length", f"is longer than {rules.max_length}"
    if rules.enum:
        yield enum_test(rules.enum), "enum", "is none of the values that are allowed"
    if rules.pattern:
        yield pattern_test(rules.pattern), "pattern", "does not match its pattern"
    if rules.custom:
        yield (
            NAMED_CHECKS[rules.custom],
            f"custom_{to_snake(rules.custom)}",
            f"fails the check {rules.custom}",
        )
