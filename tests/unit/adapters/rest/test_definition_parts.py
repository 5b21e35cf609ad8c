"""What an author is told who gets pagination, auth, increment or error rules wrong."""

from __future__ import annotations

import pytest

from shared.adapters.rest.definition import check
from shared.domain.errors import Problem
from shared.domain.provider import ProviderDocument
from tests.unit.adapters.rest.changed_documents import ENTITY, changed, in_entity, in_entity_parts

UNKNOWN_FUNCTION = (
    "can't be used: JMESPath has no function is_gone; it has abs, avg, ceil, contains, ends_with, floor,"
    " join, keys, length, map, max, max_by, merge, min, min_by, not_null, reverse, sort, sort_by,"
    " starts_with, sum, to_array, to_number, to_string, type, values; correct it"
)


BROKEN = {
    "next URL in two places": (
        in_entity("pagination", {"kind": "nextUrl", "header": "Link", "bodyPath": "next"}),
        [Problem(f"{ENTITY}.pagination", "needs one of `header` and `bodyPath`")],
    ),
    "next URL nowhere": (
        in_entity("pagination", {"kind": "nextUrl"}),
        [Problem(f"{ENTITY}.pagination", "needs one of `header` and `bodyPath`")],
    ),
    "cursor without parameter": (
        in_entity("pagination", {"kind": "cursor", "bodyPath": "next"}),
        [Problem(f"{ENTITY}.pagination.parameter", "is missing; add it")],
    ),
    "cursor in the body of a GET": (
        in_entity("pagination", {"kind": "cursor", "bodyPath": "next", "parameter": "after", "in": "body"}),
        [
            Problem(
                f"{ENTITY}.list",
                "has a parameter `in: body`, but a GET has no body; add `method: POST`",
            )
        ],
    ),
    "parameter of the body that is no path": (
        in_entity("pagination", {"kind": "offset", "parameter": "a..b", "in": "body"}),
        [
            Problem(
                f"{ENTITY}.pagination.parameter",
                "is not a dotted path; write it as `data.items`, at most ten names",
            )
        ],
    ),
    "parameter set twice in the body": (
        in_entity_parts(
            list={"method": "POST", "path": "/x", "json": {"page": {"after": None}}},
            pagination={"kind": "cursor", "bodyPath": "next", "parameter": "page.after", "in": "body"},
        ),
        [Problem(f"{ENTITY}.list", "sets page.after in the body twice; keep one of them")],
    ),
    "cursor that goes where the page size does": (
        in_entity_parts(
            page={"parameter": "c", "max": 5},
            pagination={"kind": "cursor", "bodyPath": "next", "parameter": "c"},
        ),
        [Problem(f"{ENTITY}.list", "sets the parameter c twice; keep one of them")],
    ),
    "page number that goes where the watermark does": (
        in_entity_parts(
            pagination={"kind": "pageNumber", "parameter": "c"},
            increment={"parameter": "c", "field": "at", "inclusive": True},
        ),
        [Problem(f"{ENTITY}.list", "sets the parameter c twice; keep one of them")],
    ),
    "template without its value": (
        in_entity("increment", {"parameter": "q", "field": "at", "template": "at > {since}"}),
        [
            Problem(
                f"{ENTITY}.increment.template",
                "must have {watermark} once, and no other placeholder",
            )
        ],
    ),
    "template without parameter": (
        in_entity("increment", {"field": "at", "clientSideFilter": True, "template": "at > {watermark}"}),
        [
            Problem(
                f"{ENTITY}.increment.template",
                "is sent in a parameter; remove it, or `clientSideFilter`",
            )
        ],
    ),
    "template in quotes": (
        in_entity("increment", {"parameter": "q", "field": "at", "template": "{watermark}", "quoted": True}),
        [
            Problem(
                f"{ENTITY}.increment.quoted",
                "is for a value alone; write the quotes into `template`, as '\"{watermark}\"'",
            )
        ],
    ),
    "parameter inside another": (
        in_entity_parts(
            list={"method": "POST", "path": "/x"},
            page={"parameter": "page", "in": "body", "max": 5},
            pagination={"kind": "cursor", "bodyPath": "next", "parameter": "page.after", "in": "body"},
        ),
        [Problem(f"{ENTITY}.list", "sets page in the body twice; keep one of them")],
    ),
    "body of a GET": (
        in_entity("list/json", {}),
        [
            Problem(
                f"{ENTITY}.list.json",
                "is a body, which a GET does not have; add `method: POST`, or remove it",
            )
        ],
    ),
    "placeholder without setting in a body": (
        in_entity("list", {"method": "POST", "path": "/x", "json": {"a": [{"b": "{c}"}]}}),
        [
            Problem(
                f"{ENTITY}.list.json.a.0.b",
                "{c} is no setting; declare `c` under settings, or correct the name",
            )
        ],
    ),
    "short page without page size": (
        in_entity_parts(
            page=None, pagination={"kind": "offset", "parameter": "skip", "end": {"shortPage": True}}
        ),
        [Problem(f"{ENTITY}.pagination.end.shortPage", "needs `page`: how many records are asked for")],
    ),
    "unknown end condition": (
        in_entity("pagination", {"kind": "offset", "parameter": "skip", "end": {"dune": "done"}}),
        [Problem(f"{ENTITY}.pagination.end.dune", "is not a key here; did you mean `done`?")],
    ),
    "API key nowhere": (
        changed("rest/auth", {"kind": "apiKey"}),
        [Problem("rest.auth", "needs one of `header` and `parameter`")],
    ),
    "API key in a header of the client": (
        changed("rest/auth", {"kind": "apiKey", "header": "Host"}),
        [Problem("rest.auth.header", "is set by the client itself; name another header")],
    ),
    "prefix with a line break": (
        changed("rest/auth", {"kind": "apiKey", "header": "X-Key", "prefix": "a\n"}),
        [Problem("rest.auth.prefix", "has characters that it may not have; it must match ^[ -~]*$")],
    ),
    "API key that the query has too": (
        changed("rest/auth", {"kind": "apiKey", "parameter": "sort"}),
        [Problem(f"{ENTITY}.list.query.sort", "is where `auth` puts the API key; remove it here")],
    ),
    "API key where parameters go": (
        changed("rest/auth", {"kind": "apiKey", "parameter": "Limit"}),
        [
            Problem(
                f"{ENTITY}.page.parameter", "is where `auth` puts the API key; correct one of the two names"
            )
        ],
    ),
    "API key where the watermark goes": (
        changed("rest/auth", {"kind": "apiKey", "parameter": "since"}),
        [
            Problem(
                f"{ENTITY}.increment.parameter",
                "is where `auth` puts the API key; correct one of the two names",
            )
        ],
    ),
    "API key that the headers have too": (
        changed("rest/auth", {"kind": "apiKey", "header": "x-shelf"}),
        [Problem(f"{ENTITY}.list.headers.X-Shelf", "is where `auth` puts the API key; remove it here")],
    ),
    "secret in the document": (
        changed("rest/auth", {"kind": "bearer", "token": "abc"}),
        [Problem("rest.auth.token", "is not a key here, only elsewhere; move or remove it")],
    ),
    "increment from nowhere": (
        in_entity("increment", {"parameter": "since"}),
        [
            Problem(
                f"{ENTITY}.increment",
                "needs one of `field` (of the records), `token` and `link` (of the answer)",
            )
        ],
    ),
    "increment without parameter": (
        in_entity("increment", {"field": "at"}),
        [Problem(f"{ENTITY}.increment", "needs one of `parameter` and `clientSideFilter: true`")],
    ),
    "text without its equals": (
        in_entity("increment", {"parameter": "since", "field": "at"}),
        [
            Problem(
                f"{ENTITY}.increment.inclusive",
                "must be true for text, or records with equal values are lost; if the API leaves out the"
                " value sent, use `type: dateTime` or `integer`, or `clientSideFilter: true` without"
                " `parameter`",
            )
        ],
    ),
    "look-back from text": (
        in_entity("increment", {"parameter": "since", "field": "at", "lookBackSeconds": 5}),
        [
            Problem(
                f"{ENTITY}.increment.lookBackSeconds",
                "can't be taken from text; use `type: dateTime`, or `integer` with `unit`",
            )
        ],
    ),
    "look-back without unit": (
        in_entity("increment/lookBackSeconds", 5),
        [
            Problem(
                f"{ENTITY}.increment.lookBackSeconds",
                "needs `unit`: what the integer counts, seconds or milliseconds",
            )
        ],
    ),
    "format of an integer": (
        in_entity("increment/format", "%Y"),
        [Problem(f"{ENTITY}.increment.format", "is for `type: dateTime`")],
    ),
    "format without pattern": (
        in_entity("increment", {"parameter": "s", "field": "at", "type": "dateTime", "format": "YYYY"}),
        [
            Problem(
                f"{ENTITY}.increment.format",
                "is no pattern of strftime; write it as '%Y-%m-%dT%H:%M:%SZ'",
            )
        ],
    ),
    "unit of a text": (
        in_entity("increment", {"parameter": "s", "field": "at", "unit": "seconds"}),
        [Problem(f"{ENTITY}.increment.unit", "is for `type: integer`")],
    ),
    "initial without parameter": (
        in_entity("increment", {"field": "at", "clientSideFilter": True, "initial": "a"}),
        [Problem(f"{ENTITY}.increment.initial", "is sent in a parameter; remove it, or `clientSideFilter`")],
    ),
    "opaque token with arithmetic": (
        in_entity("increment", {"parameter": "s", "token": {"bodyPath": "t"}, "type": "integer"}),
        [
            Problem(
                f"{ENTITY}.increment.token",
                "is opaque: remove `type`, `lookBackSeconds` and `clientSideFilter`",
            )
        ],
    ),
    "changes without increment": (
        in_entity_parts(increment=None, changes={"list": {"path": "/changes"}}),
        [
            Problem(
                f"{ENTITY}.changes",
                "is for incremental runs; declare `increment` with a `parameter`, or remove it",
            )
        ],
    ),
    "rule without condition": (
        changed("rest/errors", [{"action": "retry"}]),
        [Problem("rest.errors.0", "needs a condition: `status`, `bodyPath` or `header`")],
    ),
    "rule with two places": (
        changed("rest/errors", [{"bodyPath": "a", "header": "B", "action": "retry"}]),
        [Problem("rest.errors.0.header", "can't stand beside `bodyPath`; keep one of them")],
    ),
    "rule that compares nothing": (
        changed("rest/errors", [{"status": 403, "equals": "a", "action": "retry"}]),
        [Problem("rest.errors.0.equals", "needs a `bodyPath` or `header` to look at")],
    ),
    "rule that compares a header with a number": (
        changed("rest/errors", [{"header": "X-Left", "equals": 0, "action": "retry"}]),
        [
            Problem(
                "rest.errors.0.equals",
                "must be text where it is compared with a header; put it in quotes",
            )
        ],
    ),
    "unknown way of deletion": (
        in_entity("deletions", {"sweeps": True}),
        [Problem(f"{ENTITY}.deletions.sweeps", "is not a key here; did you mean `sweep`?")],
    ),
    "sweep that is no boolean": (
        in_entity("deletions", {"sweep": "often"}),
        [Problem(f"{ENTITY}.deletions.sweep", "must be true or false")],
    ),
    "rule that compares with a fraction": (
        changed("rest/errors", [{"bodyPath": "a", "equals": ["a", 1.5], "action": "retry"}]),
        [
            Problem(
                "rest.errors.0.equals",
                "must be a text, a whole number, true or false, or a list of 1 to 100",
            )
        ],
    ),
    "rule that compares with nothing": (
        changed("rest/errors", [{"bodyPath": "a", "equals": [], "action": "retry"}]),
        [
            Problem(
                "rest.errors.0.equals",
                "must be a text, a whole number, true or false, or a list of 1 to 100",
            )
        ],
    ),
    "words from nowhere": (
        changed("rest/errorMessage", {}),
        [Problem("rest.errorMessage", "needs one of `header` and `bodyPath`")],
    ),
    "unknown action": (
        changed("rest/errors", [{"status": 403, "action": "panic"}]),
        [
            Problem(
                "rest.errors.0.action",
                "must be 'rateLimited', 'retry', 'refresh', 'unauthenticated', 'forbidden', 'permanent',"
                " 'reset', 'conflict', 'notFound' or 'reject'",
            )
        ],
    ),
    "pause from nowhere": (
        changed("rest/retryAfter", {}),
        [Problem("rest.retryAfter", "needs one of `header` and `bodyPath`")],
    ),
    "bad expression": (
        in_entity("records", {"jmespath": "items[?"}),
        [
            Problem(
                f"{ENTITY}.records",
                "can't be used: not a JMESPath expression: Invalid jmespath expression:"
                " Incomplete expression; correct it",
            )
        ],
    ),
    "expression with an unknown function": (
        in_entity("deleted", {"jmespath": "is_gone(state)"}),
        [Problem(f"{ENTITY}.deleted", UNKNOWN_FUNCTION)],
    ),
    "path that is neither text nor expression": (
        in_entity("records", {"jsonpath": "$.items"}),
        [
            Problem(
                f"{ENTITY}.records",
                "must be a dotted path, as `data.items`, or `{jmespath: ...}` and nothing else",
            )
        ],
    ),
}


@pytest.mark.parametrize(("document", "expected"), BROKEN.values(), ids=BROKEN)
def test_broken_part_is_told_with_path_and_cure(document: ProviderDocument, expected: list[Problem]) -> None:
    """Each mistake is named by its path in the document, with what to do about it."""
    assert check(document) == expected
