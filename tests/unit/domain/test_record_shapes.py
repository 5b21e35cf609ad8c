"""What is told of records: types and shapes, never a value."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.record_shapes import MAX_FIELDS, FieldTally, shape_of, type_of


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "boolean"),
        (1, "whole number"),
        (1.5, "number"),
        ("Ann", "text"),
        ("2026-01-31", "date"),
        ("2026-01-31T12:00:00Z", "date-time"),
        ([1], "list"),
        ({}, "object"),
    ],
)
def test_every_json_value_has_a_type(value: Any, name: str) -> None:
    """Text that is a time says so."""
    assert type_of(value) == name


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (17, "whole number"),
        ("2026-01-31T12:00:00Z", "date-time"),
        ("INV-2026/ä7", "text like aaa-9999/a9"),
        ("x" * 41, "text of 41 characters"),
    ],
)
def test_a_shape_gives_no_value_away(value: str | int, shape: str) -> None:
    """Letters and digits are replaced, the rest shows how an id is built."""
    assert shape_of(value) == shape


def test_fields_are_counted_by_their_paths() -> None:
    """Those of objects in a record too, with all types that they came in; lists are not opened."""
    tally = FieldTally()
    tally.add({"name": "Ann", "home": {"city": "Bern"}, "tags": [{"a": 1}]})
    tally.add({"name": None, "home": {}})
    assert [(each.path, each.types, each.records) for each in tally.shapes()] == [
        ("name", ("null", "text"), 2),
        ("home.city", ("text",), 1),
        ("tags", ("list",), 1),
        ("home", ("object",), 1),
    ]


def test_a_report_has_an_end() -> None:
    """Records may use ids as keys: no more than some hundred fields are told."""
    tally = FieldTally()
    tally.add({f"key{number}": number for number in range(MAX_FIELDS + 1)})
    assert len(tally.shapes()) == MAX_FIELDS
