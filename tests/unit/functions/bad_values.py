"""Values that fit the form and not the provider, the mapping, or the list."""

from __future__ import annotations

from tests.unit.functions.bad_request import NOT_VALID, Bad
from tests.unit.functions.test_api import KINTO, MAPPING, NEW

BAD: dict[str, Bad] = {
    "unknown entity": Bad(
        "PATCH",
        "integrations/{id}",
        {"entityMappings": [{**MAPPING, "entity": "x"}]},
        422,
        "invalid_request",
        "The mappings don't fit the provider.",
        [("entityMappings.0.entity", "unknown; the provider has: record")],
    ),
    "entity mapped twice": Bad(
        "PATCH",
        "integrations/{id}",
        {"entityMappings": [MAPPING, MAPPING]},
        422,
        "invalid_request",
        "The settings are not valid.",
        [("entityMappings.1.entity", "record is mapped already; map each entity once")],
    ),
    "shard type that is not allowed": Bad(
        "PATCH",
        "integrations/{id}",
        {"allowedShardTypes": ["x"]},
        422,
        "invalid_request",
        "The settings are not valid.",
        [("entityMappings.0.shardTypeId", "airport is not in allowedShardTypes")],
    ),
    "regular expression that is none": Bad(
        "PATCH",
        "integrations/{id}",
        {"entityMappings": [{**MAPPING, "validation": [{"field": "name", "pattern": "("}]}]},
        422,
        "invalid_request",
        NOT_VALID,
        [
            (
                "entityMappings.0.validation.0.pattern",
                "not a regular expression that is taken here: unclosed group",
            )
        ],
    ),
    "regular expression too complex": Bad(
        "PATCH",
        "integrations/{id}",
        {"entityMappings": [{**MAPPING, "validation": [{"field": "name", "pattern": "(a{1000}){1000}"}]}]},
        422,
        "invalid_request",
        NOT_VALID,
        [
            (
                "entityMappings.0.validation.0.pattern",
                (
                    "not a regular expression that is taken here: Compiled regex exceeds size limit of"
                    " 10485760 bytes."
                ),
            )
        ],
    ),
    "setting missing": Bad(
        "POST",
        "integrations",
        {**NEW, "settings": {}},
        422,
        "invalid_request",
        "The settings don't fit the provider.",
        [
            ("settings.serverUrl", "is missing; give it a value"),
            ("settings.bucket", "is missing; give it a value"),
            ("settings.collection", "is missing; give it a value"),
        ],
    ),
    "setting that is no URL": Bad(
        "PATCH",
        "integrations/{id}",
        {"settings": {**KINTO, "serverUrl": "ftp://x"}},
        422,
        "invalid_request",
        "The settings don't fit the provider.",
        [
            ("settings.serverUrl", "must begin with https:// or http:// and a host"),
        ],
    ),
    "unknown provider": Bad(
        "POST",
        "integrations",
        {**NEW, "providerId": "x"},
        422,
        "invalid_request",
        "The provider is not there.",
        [("providerId", "no such provider; GET /api/providers lists them")],
    ),
    "limit of 0": Bad(
        "GET",
        "integrations?limit=0",
        None,
        422,
        "invalid_request",
        "The query is not valid.",
        [("limit", "must be at least 1")],
    ),
    "limit of 201": Bad(
        "GET",
        "providers?limit=201",
        None,
        422,
        "invalid_request",
        "The query is not valid.",
        [("limit", "must be at most 200")],
    ),
    "limit that is no number": Bad(
        "GET",
        "integrations/{id}/executions?limit=x",
        None,
        422,
        "invalid_request",
        "The query is not valid.",
        [("limit", "must be a whole number")],
    ),
    "unknown parameter": Bad(
        "GET",
        "integrations?sort=name",
        None,
        422,
        "invalid_request",
        "The query is not valid.",
        [("sort", "is not a key here; remove it")],
    ),
    "continuation of nobody": Bad(
        "GET",
        "integrations?continuation=abc",
        None,
        422,
        "invalid_request",
        "The continuation is mangled.",
        [("continuation", "send it as it came, or leave it out to begin anew")],
    ),
    "continuation of another list": Bad(
        "GET",
        "integrations/{id}/quarantine?continuation={continuation}",
        None,
        422,
        "invalid_request",
        "The continuation belongs to another query.",
        [("continuation", "belongs to another list; leave it out to begin anew")],
    ),
    "continuation of no replay": Bad(
        "POST",
        "integrations/{active}/quarantine/replay",
        {"continuation": "abc"},
        422,
        "invalid_request",
        "The continuation can't be read.",
        [("continuation", "is none that a replay gave; leave it out to begin anew")],
    ),
}
