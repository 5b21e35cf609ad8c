"""Validation rules: the limits of each."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.compiled_rules import CompiledRules
from shared.domain.validation_rules import FieldRules


def codes(value: Any, **rules: Any) -> list[str]:
    compiled = CompiledRules(FieldRules.model_validate({"field": "a.b", **rules}))
    return [reason.code for reason in compiled.broken({"a": {"b": value}})]


@pytest.mark.parametrize(
    ("rules", "value"),
    [
        ({"range": {"min": 0}}, 0),
        ({"range": {"max": 1.5}}, 1.5),
        ({"range": {"min": "2026-01-01", "max": "2026-01-31T12:00:00+01:00"}}, "2026-01-31T11:00:00Z"),
        ({"minLength": 1}, ["a"]),
        ({"maxLength": 2}, "øæ"),
        ({"enum": [1, "a", True]}, 1),
        ({"enum": [1]}, 1.0),
        ({"pattern": "b"}, "abc"),
        ({"pattern": "^a$"}, "a"),
    ],
)
def test_a_rule_holds(rules: dict[str, Any], value: Any) -> None:
    """Bounds belong to what they bound."""
    assert codes(value, **rules) == []


@pytest.mark.parametrize(
    ("rules", "value", "code"),
    [
        ({"range": {"min": 0}}, -0.1, "range"),
        ({"range": {"min": 0}}, "5", "range"),
        ({"range": {"min": 0}}, True, "range"),
        ({"range": {"max": "2026-01-31"}}, "2026-01-31T00:00:01Z", "range"),
        ({"range": {"min": "2026-01-31"}}, "soon", "range"),
        ({"range": {"min": "2026-01-31"}}, 5, "range"),
        ({"minLength": 1}, "", "min_length"),
        ({"maxLength": 2}, "abc", "max_length"),
        ({"maxLength": 2}, 1, "max_length"),
        ({"enum": [1]}, True, "enum"),
        ({"enum": ["a"]}, ["a"], "enum"),
        ({"pattern": "^a$"}, "a\n", "pattern"),
        ({"pattern": "1"}, 1, "pattern"),
        ({"required": True}, [], "required"),
        ({"required": True}, {}, "required"),
        ({"required": True}, None, "required"),
        ({"custom": "countryCode"}, "no", "custom_country_code"),
    ],
)
def test_a_rule_is_broken(rules: dict[str, Any], value: Any, code: str) -> None:
    """A value of another kind breaks the rule too."""
    assert codes(value, **rules) == [code]


@pytest.mark.parametrize("value", [False, 0])
def test_false_and_zero_fill_a_required_field(value: Any) -> None:
    """Only nothing is missing."""
    assert codes(value, required=True) == []


def test_what_is_missing_breaks_no_other_rule() -> None:
    """And what is empty and required is reported as that alone."""
    assert codes(None, minLength=1, format="email", enum=["a"]) == []
    assert codes("", required=True, minLength=1, format="email") == ["required"]


def test_every_broken_rule_is_reported() -> None:
    """Not only the first."""
    assert codes("long text", maxLength=3, pattern="^a", enum=["abc"]) == ["max_length", "enum", "pattern"]


def test_no_pattern_takes_long() -> None:
    """What backtracks for ever elsewhere is answered here: the engine's time is linear."""
    assert codes("a" * 50_000 + "!", pattern="^(a+)+$") == ["pattern"]
