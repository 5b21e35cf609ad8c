"""Bodies that are no JSON, or not what an integration is."""

from __future__ import annotations

from tests.unit.functions.bad_request import NOT_VALID, Bad, mapped
from tests.unit.functions.test_api import MAPPING

BAD: dict[str, Bad] = {
    "malformed JSON": Bad(
        "POST",
        "integrations",
        b'{"name": }',
        400,
        "malformed_request",
        "The body is not JSON: unexpected character, expected a JSON value at character 9.",
    ),
    "JSON in another encoding": Bad(
        "POST",
        "integrations",
        '{"name": "ä"}'.encode("latin-1"),
        400,
        "malformed_request",
        "The body is not UTF-8, the encoding of JSON.",
    ),
    "nested too deep": Bad(
        "POST",
        "integrations",
        b'{"name":' + b"[" * 50 + b"]" * 50 + b"}",
        400,
        "malformed_request",
        "The body is nested deeper than 32 levels; send it flatter.",
    ),
    "too large": Bad(
        "POST",
        "integrations",
        b'"' + b"x" * 1024 * 1024 + b'"',
        413,
        "body_too_large",
        "The body is larger than 1024 KB; send less at once.",
    ),
    "a list": Bad(
        "POST",
        "integrations",
        [],
        422,
        "invalid_request",
        NOT_VALID,
        [("(body)", "must be a mapping of keys to values")],
    ),
    "nothing": Bad(
        "POST",
        "integrations",
        b"",
        422,
        "invalid_request",
        NOT_VALID,
        [("name", "is missing; add it"), ("providerId", "is missing; add it")],
    ),
    "a form": Bad(
        "POST",
        "integrations",
        b"name=x",
        400,
        "malformed_request",
        "The body is not JSON: invalid literal, expected 'null' at character 0.",
        headers={"Content_Type": "application/x-www-form-urlencoded"},
    ),
    "unknown field": Bad(
        "PATCH",
        "integrations/{id}",
        {"nmae": "x"},
        422,
        "invalid_request",
        NOT_VALID,
        [("nmae", "is not a key here; remove it")],
    ),
    "wrong type": Bad(
        "PATCH",
        "integrations/{id}",
        {"name": 5},
        422,
        "invalid_request",
        NOT_VALID,
        [("name", "must be text; put it in quotes")],
    ),
    "field that can't change": Bad(
        "PATCH",
        "integrations/{id}",
        {"providerId": "x"},
        422,
        "invalid_request",
        NOT_VALID,
        [("providerId", "is not a key here; remove it")],
    ),
    "empty name": Bad(
        "PATCH",
        "integrations/{id}",
        {"name": " "},
        422,
        "invalid_request",
        NOT_VALID,
        [("name", "must not be empty")],
    ),
    "bad shard type": Bad(
        "PATCH",
        "integrations/{id}",
        {"entityMappings": [{**MAPPING, "shardTypeId": "a/b"}]},
        422,
        "invalid_request",
        NOT_VALID,
        [
            (
                "entityMappings.0.shardTypeId",
                "has characters that it may not have; it must match ^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$",
            )
        ],
    ),
    "interval too short": Bad(
        "PATCH",
        "integrations/{id}",
        {"syncConfig": {"intervalSeconds": 5}},
        422,
        "invalid_request",
        NOT_VALID,
        [("syncConfig.intervalSeconds", "must be at least 60")],
    ),
    "unknown transform": Bad(
        "PATCH",
        "integrations/{id}",
        mapped(transform="shout"),
        422,
        "invalid_request",
        NOT_VALID,
        [
            (
                "entityMappings.0.fields.0.transform.0",
                (
                    "has the unknown kind 'shout'; use 'trim', 'lower', 'upper', 'text', 'number',"
                    " 'boolean', 'date', 'dateTime', 'split', 'join', 'replace', 'slice', 'truncate',"
                    " 'lookup'"
                ),
            )
        ],
    ),
    "wrong argument of a transform": Bad(
        "PATCH",
        "integrations/{id}",
        mapped(transform={"type": "truncate", "length": "x"}),
        422,
        "invalid_request",
        NOT_VALID,
        [
            ("entityMappings.0.fields.0.transform.0.truncate.max", "is missing; add it"),
            ("entityMappings.0.fields.0.transform.0.truncate.length", "is not a key here; remove it"),
        ],
    ),
    "path that is none": Bad(
        "PATCH",
        "integrations/{id}",
        mapped(shardField="a..b"),
        422,
        "invalid_request",
        NOT_VALID,
        [
            (
                "entityMappings.0.fields.0.shardField",
                (
                    "has characters that it may not have; it must match"
                    " ^[A-Za-z0-9_$@-]+(\\.[A-Za-z0-9_$@-]+){0,9}$"
                ),
            )
        ],
    ),
    "two mappings of one field": Bad(
        "PATCH",
        "integrations/{id}",
        {"entityMappings": [{**MAPPING, "fields": [*MAPPING["fields"], *MAPPING["fields"]]}]},
        422,
        "invalid_request",
        NOT_VALID,
        [("entityMappings.0.fields.1.shardField", "name is mapped twice, or both a value and an object")],
    ),
}
