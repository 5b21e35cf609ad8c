"""Mappings: from a provider's record to a shard's data."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.errors import RecordRejectedError
from shared.domain.integration import EntityMapping, FieldMapping
from shared.domain.mapping import CompiledMapping

STEPS: list[Any] = [
    "trim",
    "lower",
    "text",
    "number",
    {"type": "number", "decimals": 2},
    "boolean",
    "date",
    {"type": "dateTime", "formats": ["iso", "epochSeconds", "epochMilliseconds", "%d/%m/%Y"]},
    {"type": "split", "separator": ","},
    {"type": "join", "separator": ","},
    {"type": "replace", "old": "a", "new": "b"},
    {"type": "slice", "start": 1, "end": -1},
    {"type": "truncate", "max": 2},
    {"type": "lookup", "table": {"a": 1}},
    {"type": "lookup", "table": {"a": 1}, "otherwise": None},
]
EVERY_RULE: dict[str, Any] = {
    "required": True,
    "format": "email",
    "range": {"min": 1, "max": 2},
    "minLength": 2,
    "maxLength": 3,
    "enum": ["a", 1, True],
    "pattern": "^a",
    "custom": "luhn",
}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["9" * 400, "1e400", "0001-01-01T00:00:00+14:00", "-1e15", "1_0", "\u0663", "nan"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)


def configured(fields: list[Any], validation: list[Any] | None = None) -> CompiledMapping:
    """A mapping from the JSON in which it is configured."""
    return CompiledMapping(
        EntityMapping.model_validate(
            {"entity": "thing", "shardTypeId": "thing", "fields": fields, "validation": validation or []}
        )
    )


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


def test_the_values_of_every_kind_of_source_are_mapped() -> None:
    """Paths, expressions, constants and several fields at once end up in one shard."""
    compiled = configured(
        fields=[
            {"externalField": "a.b", "shardField": "path"},
            {"externalField": {"jmespath": "items[?ok].id"}, "shardField": "found.ids"},
            {"externalField": {"constant": "crm"}, "shardField": "system"},
            {"externalField": {"concat": ["a.b", "blank", "n"], "separator": "-"}, "shardField": "joined"},
            {"externalField": {"template": "{{{n}}}"}, "shardField": "braces"},
        ]
    )
    items = [{"ok": True, "id": 1}, {"ok": False, "id": 2}]
    assert compiled.apply({"a": {"b": "x"}, "n": 7, "blank": " ", "items": items}) == {
        "path": "x",
        "found": {"ids": [1]},
        "system": "crm",
        "joined": "x-7",
        "braces": "{7}",
    }


@pytest.mark.parametrize(
    ("source", "record", "expected"),
    [
        ({"template": "{first} {last}"}, {"first": "Ada"}, None),
        ({"concat": ["first", "last"]}, {"last": "Lovelace"}, "Lovelace"),
        ({"concat": ["first", "last"]}, {"first": " "}, None),
        ({"jmespath": "a.b[0]"}, {"a": 1}, None),
    ],
)
def test_a_source_without_all_it_needs(source: Any, record: dict[str, Any], expected: Any) -> None:
    """A template needs every field, a concatenation takes what is there, an expression finds nothing."""
    assert configured([{"externalField": source, "shardField": "y"}]).apply(record).get("y") == expected


@pytest.mark.parametrize(
    ("source", "record"),
    [
        ({"jmespath": "length(a)"}, {}),
        ({"jmespath": "to_number(a)"}, {"a": "9" * 40}),
        ({"template": "{a}"}, {"a": {}}),
        ({"concat": ["a"]}, {"a": [1]}),
    ],
)
def test_a_source_that_can_not_be_read_rejects_the_record(source: Any, record: dict[str, Any]) -> None:
    """The code names the kind of source."""
    with pytest.raises(RecordRejectedError) as caught:
        configured([{"externalField": source, "shardField": "y"}]).apply(record)
    assert (caught.value.code, caught.value.field) == (f"transform_{next(iter(source))}", "y")


def test_a_pipeline_ends_where_there_is_no_value() -> None:
    """A step never sees null; the default stands in for what the steps left."""
    assert one("  ", ["trim", {"type": "split", "separator": ";"}], default="none") == "none"
    assert (
        one(" B;a ", ["lower", {"type": "split", "separator": ";"}, {"type": "join", "separator": "+"}])
        == "b+a"
    )


def test_everything_that_is_wrong_with_a_record_is_a_reason() -> None:
    """In the order of the mapping, then of the rules; what could not be mapped is not validated too."""
    compiled = configured(
        fields=[
            {"externalField": "name", "shardField": "name", "required": True},
            {"externalField": "size", "shardField": "size", "transform": ["trim", "number"]},
            {"externalField": "mail", "shardField": "mail"},
            {"externalField": "code", "shardField": "code"},
        ],
        validation=[
            {"field": "name", "required": True},
            {"field": "size", "range": {"min": 1}},
            {"field": "mail", "format": "email", "maxLength": 3},
            {"field": "code", "required": True},
        ],
    )
    with pytest.raises(RecordRejectedError) as caught:
        compiled.apply({"size": "many", "mail": "nowhere"})
    assert [(reason.code, reason.field) for reason in caught.value.reasons] == [
        ("required", "name"),
        ("transform_number", "size"),
        ("format_email", "mail"),
        ("max_length", "mail"),
        ("required", "code"),
    ]
    assert (caught.value.code, caught.value.field) == ("required", "name")
    assert str(caught.value) == "name is required and missing. And 4 more."


def test_what_every_record_has_to_fill_is_known() -> None:
    """Completeness is about fields that the mapping or a rule requires, each counted once."""
    compiled = configured(
        fields=[
            {"externalField": "a", "shardField": "a", "required": True},
            {"externalField": "b", "shardField": "b"},
            {"externalField": "c", "shardField": "c"},
        ],
        validation=[{"field": "a", "required": True}, {"field": "b", "required": True}],
    )
    assert compiled.required_fields == {"a", "b"}


@given(json_values, st.sampled_from(STEPS))
def test_any_value_is_transformed_or_refused(value: Any, step: Any) -> None:
    """Whatever a provider sends, the outcome is JSON or a reason, never another error."""
    with suppress(RecordRejectedError):
        orjson.dumps(one(value, step))


@given(st.dictionaries(st.sampled_from("abcd"), json_values), st.lists(st.sampled_from(STEPS), max_size=4))
def test_any_record_is_mapped_or_rejected(record: dict[str, Any], transform: Any) -> None:
    """Whatever a provider sends, the outcome is a shard's data that can be stored, or reasons."""
    compiled = configured(
        fields=[
            {"externalField": "a.b", "shardField": "x.y", "transform": transform, "required": True},
            {"externalField": "c", "shardField": "z"},
            {"externalField": {"jmespath": "sort_by(d, &a)[].b || to_number(a)"}, "shardField": "w"},
            {"externalField": {"concat": ["a", "b"]}, "shardField": "v"},
        ],
        validation=[{"field": "x.y", "format": "phone", "region": "NO"}, {"field": "z", **EVERY_RULE}],
    )
    with suppress(RecordRejectedError):
        assert orjson.loads(orjson.dumps(compiled.apply(record))).keys() <= {"x", "z", "w", "v"}


@given(st.text(alphabet="xyzXYZ", min_size=5), st.sampled_from(STEPS))
def test_reasons_hold_no_values(secret: str, step: Any) -> None:
    """A record may be about a person, and reasons are logged and shown."""
    field = {"externalField": "a", "shardField": "b", "transform": step}
    with pytest.raises(RecordRejectedError) as caught:
        configured([field], [{"field": "b", **EVERY_RULE, "enum": ["1"]}]).apply({"a": secret})
    assert secret not in f"{caught.value}{caught.value.reasons}"
