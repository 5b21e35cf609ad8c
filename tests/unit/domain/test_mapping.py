"""Mappings: from a provider's record to a shard's data."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.errors import RecordRejectedError
from shared.domain.integration import EntityMapping, FieldMapping
from shared.domain.mapping import CompiledMapping


def mapping(*fields: FieldMapping) -> CompiledMapping:
    return CompiledMapping(EntityMapping(entity="thing", shard_type_id="thing", fields=fields))


def one(value: Any, transform: Any, **options: Any) -> Any:
    field = FieldMapping(external_field="x", shard_field="y", transform=transform, **options)
    return mapping(field).apply({"x": value}).get("y")


def test_nested_fields_are_read_and_written() -> None:
    """A dotted path reads into objects, and builds objects where it writes."""
    compiled = mapping(
        FieldMapping(external_field="address.city", shard_field="place.city"),
        FieldMapping(external_field="address.zip", shard_field="place.zip"),
    )
    assert compiled.apply({"address": {"city": "Oslo", "zip": "0150"}}) == {
        "place": {"city": "Oslo", "zip": "0150"}
    }


@pytest.mark.parametrize("record", [{}, {"a": None}, {"a": "text"}, {"a": {"b": None}}, {"a": [1]}])
def test_a_path_that_leads_nowhere_leaves_the_target_out(record: dict[str, Any]) -> None:
    """Missing, null and unexpected shapes on the way are the same: there is no value."""
    assert mapping(FieldMapping(external_field="a.b", shard_field="c")).apply(record) == {}


@pytest.mark.parametrize(
    ("transform", "value", "expected"),
    [
        ("trim", "  a b ", "a b"),
        ("trim", "   ", None),
        ("lower", " AbC ", "abc"),
        ("upper", " AbC ", "ABC"),
        ("text", 7, "7"),
        ("text", True, "true"),
        ("number", "12", 12),
        ("number", "12.5", 12.5),
        ("number", "1e3", 1000.0),
        ("number", " ", None),
        ("number", 3, 3),
        ("boolean", "Yes", True),
        ("boolean", 0, False),
        ("boolean", False, False),
        (None, {"kept": [1]}, {"kept": [1]}),
    ],
)
def test_transforms(transform: str | None, value: Any, expected: Any) -> None:
    """Each transform turns the values that it is for into one form."""
    result = one(value, transform)
    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("transform", "value"),
    [("number", "12 m"), ("number", True), ("number", "nan"), ("number", "inf"), ("number", []),
     ("boolean", "maybe"), ("boolean", 2), ("trim", {"a": 1}), ("text", [1])],
)  # fmt: skip
def test_a_value_that_can_not_be_transformed_rejects_the_record(transform: str, value: Any) -> None:
    """The reason names the transform and the field."""
    with pytest.raises(RecordRejectedError) as caught:
        one(value, transform)
    assert (caught.value.code, caught.value.field) == (f"transform_{transform}", "y")


def test_a_required_field_that_is_missing_rejects_the_record() -> None:
    """Null counts as missing."""
    with pytest.raises(RecordRejectedError) as caught:
        one(None, None, required=True)
    assert (caught.value.code, caught.value.field) == ("required", "y")


def test_a_default_stands_in_for_a_missing_value_even_a_required_one() -> None:
    """False and 0 are defaults like any other."""
    assert one(None, "boolean", default=False) is False
    assert one("  ", "trim", required=True, default="none") == "none"


@pytest.mark.parametrize(("first", "second"), [("a", "a"), ("a", "a.b"), ("a.b.c", "a.b")])
def test_targets_that_clash_are_refused_when_configured(first: str, second: str) -> None:
    """A field can't be mapped twice, nor be both a value and an object."""
    with pytest.raises(ValidationError, match="mapped twice"):
        mapping(
            FieldMapping(external_field="x", shard_field=first),
            FieldMapping(external_field="y", shard_field=second),
        )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from("abc"), json_values),
    st.sampled_from(["trim", "number", "boolean", "text", None]),
)
def test_any_record_is_mapped_or_rejected(record: dict[str, Any], transform: Any) -> None:
    """Whatever a provider sends, the outcome is data or a reason, never another error."""
    compiled = mapping(FieldMapping(external_field="a.b", shard_field="x.y", transform=transform),
                       FieldMapping(external_field="c", shard_field="z", transform=transform))  # fmt: skip
    with suppress(RecordRejectedError):
        assert set(compiled.apply(record)) <= {"x", "z"}
