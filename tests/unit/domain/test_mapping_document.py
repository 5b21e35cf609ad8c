"""docs/mappings.md and the example beside it: what they promise is what happens."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from shared.domain.errors import RecordRejectedError
from shared.domain.integration import EntityMapping, IntegrationSettings
from shared.domain.mapping import CompiledMapping
from shared.domain.named_checks import NAMED_CHECKS
from shared.domain.transforms import Step
from shared.domain.validation_rules import FieldRules
from shared.domain.value_formats import FormatName

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "mappings.md").read_text()


def rows(section: str) -> list[list[str]]:
    """The cells of a section's table, without its heading; code without its marks."""
    table = TEXT.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in re.split(r" \| ", line.strip("| "))] for line in lines]


def compiled(field: dict[str, Any], *validation: dict[str, Any]) -> CompiledMapping:
    field = {"externalField": "x", "shardField": "y", **field}
    return CompiledMapping(
        EntityMapping.model_validate(
            {"entity": "e", "shardTypeId": "s", "fields": [field], "validation": validation}
        )
    )


@pytest.mark.parametrize("row", rows("Sources"), ids=lambda row: row[0])
def test_each_source_gives_what_its_example_says(row: list[str]) -> None:
    """The example is a source as it stands."""
    source, record, value = map(json.loads, row[-3:])
    assert compiled({"externalField": source}).apply(record) == {"y": value}


@pytest.mark.parametrize("row", rows("Transforms"), ids=lambda row: row[0])
def test_each_transform_gives_what_its_example_says(row: list[str]) -> None:
    """The example is a transform as it stands."""
    transform, taken, given = map(json.loads, row[-3:])
    assert compiled({"transform": transform}).apply({"x": taken}) == {"y": given}


@pytest.mark.parametrize("row", rows("Validation rules"), ids=lambda row: row[0])
def test_each_rule_holds_and_is_broken_as_its_example_says(row: list[str]) -> None:
    """The example is an entry of `validation` without its field."""
    code, (rules, good, bad) = row[-4], map(json.loads, row[-3:])
    mapping = compiled({}, {"field": "y", **rules})
    assert mapping.apply({"x": good}) == {"y": good}
    with pytest.raises(RecordRejectedError) as caught:
        mapping.apply({"x": bad})
    assert [(reason.code, reason.field) for reason in caught.value.reasons] == [(code, "y")]


def test_every_transform_and_rule_is_documented() -> None:
    """A table has a row for whatever can be configured."""
    steps = {model.model_fields["type"].default for model in get_args(get_args(Step)[0])}
    assert {row[0] for row in rows("Transforms")} == steps
    rules = {field.alias or name for name, field in FieldRules.model_fields.items()}
    documented = {row[0] for row in rows("Validation rules")}
    assert {name.split()[0] for name in documented} == rules - {"field", "region"}
    assert {f"format {name}" for name in get_args(FormatName)} <= documented
    assert {f"custom {name}" for name in NAMED_CHECKS} <= documented


def test_the_mapping_at_the_top_is_valid() -> None:
    """Whoever copies it can save it."""
    (text,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    EntityMapping.model_validate_json(text)


def salesforce(entity: str) -> CompiledMapping:
    text = (DOCS / "examples" / "salesforce-validation.json").read_text()
    mappings = IntegrationSettings.model_validate_json(text).entity_mappings
    return CompiledMapping(next(mapping for mapping in mappings if mapping.entity == entity))


ACCOUNT = {"Name": "Acme", "Industry": "Finance", "LastModifiedDate": "2026-01-31T12:00:00.000+0000"}
CONTACT = {
    "FirstName": "Ada",
    "LastName": "Lovelace",
    "Email": "Ada@Example.com",
    "Phone": "(415) 555-0100",
    "Account": {"Name": "Acme"},
}


def test_the_salesforce_example_takes_what_the_guide_allows() -> None:
    """Good records become shards."""
    assert salesforce("account").apply(ACCOUNT) == {
        "name": "Acme",
        "industry": "Finance",
        "modifiedAt": "2026-01-31T12:00:00.000000Z",
    }
    assert salesforce("contact").apply(CONTACT) == {
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "phone": "(415) 555-0100",
        "account": {"name": "Acme"},
    }


@pytest.mark.parametrize(
    ("entity", "change", "code"),
    [
        ("account", {"Name": None}, "required"),
        ("account", {"Name": " "}, "required"),
        ("account", {"Name": "a" * 256}, "max_length"),
        ("account", {"Industry": "Mining"}, "enum"),
        ("contact", {"Email": None}, "required"),
        ("contact", {"Email": "ada at example.com"}, "format_email"),
        ("contact", {"Phone": "call me"}, "format_phone"),
    ],
)
def test_the_salesforce_example_rejects_what_the_guide_forbids(
    entity: str, change: dict[str, Any], code: str
) -> None:
    """One rule of the guide broken is one reason."""
    good = ACCOUNT if entity == "account" else CONTACT
    with pytest.raises(RecordRejectedError) as caught:
        salesforce(entity).apply({**good, **change})
    assert [reason.code for reason in caught.value.reasons] == [code]


@pytest.mark.parametrize(
    ("entity", "change"),
    [
        ("account", {"Name": "a" * 255}),
        ("account", {"Industry": None}),
        ("contact", {"Phone": None}),
        ("contact", {"Phone": "+47 22 33 44 55"}),
    ],
)
def test_the_salesforce_example_takes_the_limits(entity: str, change: dict[str, Any]) -> None:
    """Only what the guide requires is required, and 255 characters are within 255."""
    good = ACCOUNT if entity == "account" else CONTACT
    salesforce(entity).apply({**good, **change})
