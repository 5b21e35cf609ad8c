"""Records that are bad in different ways, the reasons against each, and a mapping that takes them all."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.domain.shards import content_hash

GIANTS = 3
"""So many records become shards that are too large; each is over a megabyte, so they are few."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to be bad.

    Attributes:
        changes: What a record of this kind has instead of a good one's fields.
        reasons: Field and code of every reason it is rejected for.
        mended: What its shard has instead of a good one's data, once the mapping takes it.
    """

    changes: dict[str, Any]
    reasons: frozenset[tuple[str | None, str]]
    mended: dict[str, Any]


def _kind(changes: dict[str, Any], mended: dict[str, Any], *reasons: tuple[str | None, str]) -> Kind:
    return Kind(changes, frozenset(reasons), mended)


COMMON = (
    _kind({"name": None}, {"name": "Unknown"}, ("name", "required")),
    _kind({"name": "   "}, {"name": "Unknown"}, ("name", "required")),
    _kind({"email": "Ada at Example.com"}, {"email": "ada@example.com"}, ("email", "format_email")),
    _kind({"phone": "044 668 18 00"}, {"phone": "044 668 18 00"}, ("phone", "format_phone")),
    _kind({"age": 999}, {"age": 999}, ("age", "range")),
    _kind({"nick": "n" * 21}, {"nick": "n" * 21}, ("nick", "max_length")),
    _kind({"stage": "partner"}, {"stage": "partner"}, ("stage", "enum")),
    _kind({"born": "31.12.1990"}, {"born": "1990-12-31"}, ("born", "transform_date")),
    _kind({"revenue": "12.50 EUR"}, {"revenue": 12.5}, ("revenue", "transform_number")),
    _kind({"code": "no-7"}, {"code": "no-7"}, ("code", "pattern")),
    _kind({"status": 9}, {"status": "lost"}, ("status", "transform_lookup")),
    _kind(
        {"email": "ada", "age": -1, "status": 9},
        {"email": "ada", "age": -1, "status": "lost"},
        *(("email", "format_email"), ("age", "range"), ("status", "transform_lookup")),
    ),
)
GIANT = _kind({"note": "x" * 1_100_000}, {"note": "x" * 100}, (None, "document_too_large"))


@dataclass(frozen=True, slots=True)
class Malformed:
    """One way to be no record as the provider's document has it: no mapping mends it.

    Attributes:
        of: Makes one of a good record.
        code: Of the reason that it is rejected for.
    """

    of: Callable[[dict[str, Any]], Any]
    code: str

    @property
    def is_nameless(self) -> bool:
        return self.code in {"malformed_record", "missing_id", "invalid_id"}

    def external_id(self, good: dict[str, Any]) -> str:
        """Return what quarantine calls it."""
        made = self.of(good)
        content = made if isinstance(made, dict) else {"value": made}
        return f"malformed-{content_hash(content)}" if self.is_nameless else good["id"]


MALFORMED = (
    Malformed(lambda good: good["name"], "malformed_record"),
    Malformed(lambda good: [good], "malformed_record"),
    Malformed(lambda good: {name: value for name, value in good.items() if name != "id"}, "missing_id"),
    Malformed(lambda good: {**good, "id": ""}, "missing_id"),
    Malformed(lambda good: {**good, "id": 1.5}, "invalid_id"),
    Malformed(lambda good: {**good, "modified": {"at": 5}}, "invalid_modified"),
    Malformed(lambda good: {**good, "gone": "yes"}, "invalid_deleted"),
)

FIELDS: dict[str, dict[str, Any]] = {
    "name": {"transform": "trim", "required": True},
    "email": {"transform": "lower"},
    "phone": {},
    "age": {},
    "nick": {},
    "stage": {},
    "born": {"transform": "date"},
    "revenue": {"transform": "number"},
    "code": {},
    "status": {"transform": {"type": "lookup", "table": {"1": "open", "2": "closed"}}},
    "note": {"externalField": {"template": "{note}{note}"}},
}
RULES: dict[str, dict[str, Any]] = {
    "email": {"format": "email"},
    "phone": {"format": "phone"},
    "age": {"range": {"min": 0, "max": 150}},
    "nick": {"maxLength": 20},
    "stage": {"enum": ["lead", "customer"]},
    "code": {"pattern": "^[A-Z]{2}-[0-9]+$"},
}
MENDED_FIELDS: dict[str, dict[str, Any]] = {
    "name": {"transform": "trim", "default": "Unknown", "required": True},
    "email": {"transform": ["lower", {"type": "replace", "old": " at ", "new": "@"}]},
    "born": {"transform": {"type": "date", "formats": ["iso", "%d.%m.%Y"]}},
    "revenue": {"transform": [{"type": "replace", "old": " EUR", "new": ""}, "number"]},
    "status": {"transform": {"type": "lookup", "table": {"1": "open", "2": "closed", "9": "lost"}}},
    "note": {**FIELDS["note"], "transform": {"type": "truncate", "max": 100}},
}
MENDED_RULES: dict[str, dict[str, Any]] = {
    "email": {"minLength": 1},
    "phone": {"format": "phone", "region": "CH"},
    "age": {"range": {"min": -1, "max": 999}},
    "nick": {"maxLength": 21},
    "stage": {"enum": ["lead", "customer", "partner"]},
    "code": {"pattern": "^[A-Za-z]{2}-[0-9]+$"},
}


class BadRecords:
    """Records by number, 1 % of them bad, and a few malformed; which ones is decided by the seed.

    Attributes:
        bad, malformed: Their kinds by number.
        source_mended: True once no record is malformed any more.
    """

    def __init__(self, rows: int, seed: int) -> None:
        self.rows = rows
        self.source_mended = False
        chosen = random.Random(seed).sample(range(rows), rows // 100 + len(MALFORMED))
        self.malformed = dict(zip(chosen, MALFORMED, strict=False))
        self.bad = {
            number: GIANT if place < GIANTS else COMMON[place % len(COMMON)]
            for place, number in enumerate(chosen[len(MALFORMED) :])
        }

    def record(self, number: int) -> Any:
        """Return a record as the provider has it."""
        whole = self.whole(number)
        if number in self.malformed and not self.source_mended:
            return self.malformed[number].of(whole)
        return whole

    def whole(self, number: int) -> dict[str, Any]:
        """Return a record that is not malformed; a bad one is bad all the same."""
        kind = self.bad.get(number)
        good = {
            "id": external_id(number),
            "modified": 1_700_000_000 + number,
            "name": f" Person {number} ",
            "email": f"Person{number}@Example.com",
            "phone": f"+41 44 668 {number % 90 + 10} 00",
            "age": number % 151,
            "nick": f"n{number}",
            "stage": "customer" if number % 2 else "lead",
            "born": f"19{number % 90 + 10}-01-31",
            "revenue": f"{number}.25",
            "code": f"NO-{number}",
            "status": number % 2 + 1,
        }
        return {**good, **kind.changes} if kind else good

    def shard(self, number: int) -> dict[str, Any]:
        """Return the data that a record's shard is to have, a bad one's once the mapping is mended."""
        kind = self.bad.get(number)
        good = {
            "name": f"Person {number}",
            "email": f"person{number}@example.com",
            "phone": f"+41 44 668 {number % 90 + 10} 00",
            "age": number % 151,
            "nick": f"n{number}",
            "stage": "customer" if number % 2 else "lead",
            "born": f"19{number % 90 + 10}-01-31",
            "revenue": number + 0.25,
            "code": f"NO-{number}",
            "status": "closed" if number % 2 else "open",
        }
        return {**good, **kind.mended} if kind else good


def external_id(number: int) -> str:
    return f"r-{number:06}"


def mapping(*, mended: bool) -> dict[str, Any]:
    """Return the mapping that rejects the bad records, or the one that takes all and changes no good one."""
    fields = {**FIELDS, **MENDED_FIELDS} if mended else FIELDS
    rules = MENDED_RULES if mended else RULES
    return {
        "entity": "person",
        "shardTypeId": "person",
        "fields": [{"externalField": name, "shardField": name, **rest} for name, rest in fields.items()],
        "validation": [{"field": name, **rest} for name, rest in rules.items()],
    }
