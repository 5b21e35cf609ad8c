"""Mappings as configured: what is refused, with which words, and how they are written back."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.integration import EntityMapping, FieldMapping
from shared.domain.validation import to_problems


def entity(field: dict[str, Any], *validation: dict[str, Any]) -> dict[str, Any]:
    return {
        "entity": "thing",
        "shardTypeId": "thing",
        "fields": [{"externalField": "x", "shardField": "y", **field}],
        "validation": list(validation),
    }


def rule(**rules: Any) -> dict[str, Any]:
    return entity({}, {"field": "y", **rules})


SOURCES: list[tuple[Any, str, str]] = [
    (7, "", "give a dotted path, or an object with one of jmespath, constant"),
    ({"xpath": "//a"}, "", "give a dotted path, or an object"),
    ("a..b", "path", "has characters that it may not have"),
    ({"jmespath": "a["}, "jmespath.jmespath", "not a JMESPath expression"),
    ({"jmespath": "frobnicate(a)"}, "jmespath.jmespath", "no function frob"),
    ({"jmespath": "a[1:].length(@, b)"}, "jmespath.jmespath", "takes 1 values, not 2"),
    ({"jmespath": "(" * 900}, "jmespath.jmespath", "write it flatter"),
    ({"jmespath": "a", "constant": 1}, "jmespath.constant", "is not a key here"),
    ({"constant": []}, "constant.constant.str", "must be text"),
    ({"concat": []}, "concat.concat", "at least 1 entry"),
    ({"template": "no field"}, "template.template", "no field is named"),
    ({"template": "{a"}, "template.template", "expected '}'"),
    ({"template": "{a!r}"}, "template.template", "this is no field: {a!r}"),
    ({"template": "{a:>9}"}, "template.template", "this is no field: {a>9}"),
    ({"template": "{}"}, "template.template", "write fields as {field}"),
    ({"template": "{a}" * 400}, "template.template", "at most 1000"),
]  # fmt: skip
TRANSFORMS: list[tuple[Any, str, str]] = [
    ("reverse", "0", "has the unknown kind 'reverse'; use 'trim', 'lower'"),
    ({"separator": ","}, "0", "needs 'type'"),
    (["trim", "split"], "1.split.separator", "is missing"),
    (["trim"] * 21, "", "at most 20 items"),
    (5, "0", "must be a mapping of keys to values"),
    ({"type": "lookup"}, "0.lookup.table", "is missing"),
    ({"type": "lookup", "table": {}}, "0.lookup.table", "at least 1 entry"),
    ({"type": "lookup", "table": dict.fromkeys(map(str, range(1001)))}, "0.lookup.table", "at most 1000"),
    ({"type": "date", "formats": ["%d.%q.%Y"]}, "0.date.formats", "'q' is a bad directive"),
    ({"type": "date", "formats": ["iso8601"]}, "0.date.formats", "or a format such as %d.%m.%Y"),
    ({"type": "date", "formats": ["%H:%M"]}, "0.date.formats", "the year, the month and the day"),
    ({"type": "boolean", "trueWords": ["No"]}, "0.boolean.trueWords", "has words of falseWords too: no"),
    ({"type": "number", "decimals": -1}, "0.number.decimals", "must be at least 0"),
]  # fmt: skip
RULES: list[tuple[Any, str, str]] = [
    (rule(), "validation.0", "no rule is given for y; add one"),
    (rule(pattern="("), "validation.0.pattern", "unclosed group"),
    (rule(pattern=r"(a)\1"), "validation.0.pattern", "backreferences are not supported"),
    (rule(pattern="a{1000}{1000}{9}"), "validation.0.pattern", "exceeds size limit"),
    (rule(format="colour"), "validation.0.format", "'email', 'phone', 'url'"),
    (rule(format="email", region="US"), "validation.0.region", "is for the format phone"),
    (rule(format="phone", region="usa"), "validation.0.region", "two capital letters"),
    (rule(custom="magic"), "validation.0.custom", "there are luhn, iban, countryCode, currencyCode"),
    (rule(range={}), "validation.0.range", "give min, max or both"),
    (rule(range={"min": 2, "max": 1}), "validation.0.range.min", "is above max; swap them"),
    (rule(range={"min": "2026-01-02", "max": "2026-01-01"}), "validation.0.range.min", "is above max"),
    (rule(range={"min": 1, "max": "2026-01-01"}), "validation.0.range", "both numbers, or both dates"),
    (rule(range={"min": "soon"}), "validation.0.range", "ISO 8601 such as 2026-01-31"),
    (rule(minLength=3, maxLength=2), "validation.0.minLength", "is above maxLength"),
    (rule(enum=[]), "validation.0.enum", "at least 1 entry"),
    (entity({}, {"field": "z", "required": True}), "validation.0.field", "nothing is mapped to z"),
    (entity({}, {"field": "y", "enum": [1]}, {"field": "y", "minLength": 1}), "validation.1.field", "two"),
]  # fmt: skip


def problems_of(configured: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        EntityMapping.model_validate(configured)
    return [(problem.field, problem.message) for problem in to_problems(caught.value)]


@pytest.mark.parametrize(("source", "path", "cure"), SOURCES, ids=lambda value: str(value)[-40:])
def test_a_wrong_source_is_refused_when_configured(source: Any, path: str, cure: str) -> None:
    """The problem names the path to what is wrong, and how to mend it."""
    problems = problems_of(entity({"externalField": source}))
    path = f"fields.0.externalField.{path}".rstrip(".")
    assert any(field == path and cure in message for field, message in problems), problems


@pytest.mark.parametrize(("transform", "path", "cure"), TRANSFORMS, ids=lambda value: str(value)[-40:])
def test_a_wrong_transform_is_refused_when_configured(transform: Any, path: str, cure: str) -> None:
    """The problem names the path to what is wrong, and how to mend it."""
    problems = problems_of(entity({"transform": transform}))
    path = f"fields.0.transform.{path}".rstrip(".")
    assert any(field == path and cure in message for field, message in problems), problems


@pytest.mark.parametrize(("configured", "path", "cure"), RULES, ids=lambda value: str(value)[-40:])
def test_a_wrong_rule_is_refused_when_configured(configured: Any, path: str, cure: str) -> None:
    """The problem names the path to what is wrong, and how to mend it."""
    problems = problems_of(configured)
    assert any(field == path and cure in message for field, message in problems), problems


@pytest.mark.parametrize(
    "transform",
    [
        None,
        "trim",
        "dateTime",
        ["trim", "number"],
        {"type": "number", "decimals": 2},
        ["lower", {"type": "lookup", "table": {"a": 1}, "otherwise": None}],
    ],
)
def test_a_transform_is_written_back_as_it_was_configured(transform: Any) -> None:
    """What a client saved is what it reads."""
    field = FieldMapping.model_validate({"externalField": "a.b", "shardField": "c", "transform": transform})
    assert field.model_dump(mode="json") == {
        "externalField": "a.b",
        "shardField": "c",
        "transform": transform,
        "required": False,
        "default": None,
    }
    assert FieldMapping.model_validate(field.model_dump(mode="json")) == field


@pytest.mark.parametrize(
    ("transform", "shortest"), [([], None), (["trim"], "trim"), ([{"type": "text"}], "text")]
)
def test_a_longer_way_to_write_a_transform_is_the_same(transform: Any, shortest: Any) -> None:
    """A list of one is its step, an object without options its name."""
    field = FieldMapping.model_validate({"externalField": "a", "shardField": "b", "transform": transform})
    assert field == FieldMapping(external_field="a", shard_field="b", transform=shortest)
    assert field.model_dump(mode="json")["transform"] == shortest


@pytest.mark.parametrize("field", ["place", "place.city", "whole.part"])
def test_rules_can_be_about_objects_on_the_way_and_within(field: str) -> None:
    """A target's parents are there once it is written, and a mapped object has parts of its own."""
    configured = entity({"shardField": "place.city"}, {"field": field, "required": True})
    configured["fields"].append({"externalField": "w", "shardField": "whole"})
    assert EntityMapping.model_validate(configured).validation[0].field == field


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("a.b", {"a.b", "id"}),
        ({"constant": 1}, {"id"}),
        ({"concat": ["a", "b.c"]}, {"a", "b.c", "id"}),
        ({"template": "{a}: {b.c}."}, {"a", "b.c", "id"}),
        ({"jmespath": "a.b || c[0].d"}, {"a.b", "c", "id"}),
        ({"jmespath": "values(@)[0]"}, None),
    ],
)
def test_a_mapping_knows_which_fields_it_reads(source: Any, read: set[str] | None) -> None:
    """So that no others need be asked for; some expressions may read any."""
    configured = entity({"externalField": source})
    configured["fields"].append({"externalField": "id", "shardField": "id"})
    assert EntityMapping.model_validate(configured).fields_read() == read
