"""What an author is told who gets the requests about single records wrong."""

from __future__ import annotations

from typing import Any

import pytest

from shared.adapters.rest.definition import check
from shared.domain.errors import Problem
from shared.domain.provider import ProviderDocument
from tests.unit.adapters.rest.changed_documents import ENTITY, changed, in_entity, in_entity_parts

ONE = "/things/{record.id}"


def at(place: str, message: str) -> list[Problem]:
    return [Problem(f"{ENTITY}.{place}" if place else ENTITY, message)]


def listing(**parts: Any) -> ProviderDocument:
    return in_entity("list", {"method": "POST", "path": "/x", **parts})


BROKEN = {
    "id of a record to create": (
        in_entity("create", {"path": ONE}),
        at("create.path", "{record.id} has no value here; remove it"),
    ),
    "id in the body of a record to create": (
        in_entity("create", {"path": "/things", "json": {"id": "{record.id}"}}),
        at(
            "create.json.id",
            "{record.id} has no value here; use {record} or {record.fieldName}, or remove it",
        ),
    ),
    "field of a record outside the body": (
        in_entity("update", {"path": ONE, "headers": {"X-Name": "{record.name}"}}),
        at(
            "update.headers.X-Name",
            "{record.name} has no value here; use {record.id} or {record.version}, or remove it",
        ),
    ),
    "field of a record to get": (
        in_entity("get", {"path": ONE, "query": {"q": "{record.name}"}}),
        at("get.query.q", "{record.name} has no value here; use {record.id}, or remove it"),
    ),
    "search text outside a search": (
        in_entity("get", {"path": ONE, "query": {"q": "{search.text}"}}),
        at("get.query.q", "{search.text} has no value here; use {record.id}, or remove it"),
    ),
    "record in a list": (
        listing(json={"a": "{record.id}"}),
        at("list.json.a", "{record.id} has no value here; remove it"),
    ),
    "record inside a longer text": (
        in_entity("create", {"path": "/things", "json": {"a": "x{record}"}}),
        at("create.json.a", "{record} is an object; it can only be a whole value"),
    ),
    "record as one value of a form": (
        in_entity("create", {"path": "/things", "form": {"a": "{record}"}}),
        at("create.form", 'must map names to texts in quotes, or be "{record}" for the record\'s fields'),
    ),
    "number in a form": (
        in_entity("create", {"path": "/things", "form": {"a": 1}}),
        at("create.form", 'must map names to texts in quotes, or be "{record}" for the record\'s fields'),
    ),
    "text as a body": (
        in_entity("create", {"path": "/things", "json": "{record.name}"}),
        at("create.json", 'must be a mapping, a list, or "{record}" for the record itself'),
    ),
    "JSON and form": (
        in_entity("create", {"path": "/things", "json": {}, "form": {}}),
        at("create.form", "can't stand beside `json`; keep one of them"),
    ),
    "form of a GET": (
        in_entity("search", {"path": "/things", "form": {"q": "{search.text}"}}),
        at("search.form", "is a body, which a GET does not have; add `method: POST`, or remove it"),
    ),
    "record and id of the answer": (
        in_entity("create", {"path": "/x", "record": "data", "id": "newId"}),
        at("create.id", "can't stand beside `record`; keep it only where the answer has no record"),
    ),
    "method that can't write": (
        in_entity("delete", {"path": ONE, "method": "GET"}),
        at("delete.method", "must be 'DELETE', 'POST', 'PUT' or 'PATCH'"),
    ),
    "get without id": (
        in_entity("get", {"path": "/things"}),
        at("get", "has {record.id} nowhere; put it into `path`, `query` or the body"),
    ),
    "delete without id": (
        in_entity("delete", {"path": "/things"}),
        at("delete", "has {record.id} nowhere; put it into `path`, `query` or the body"),
    ),
    "search without text": (
        in_entity("search", {"path": "/things"}),
        at("search", "has {search.text} nowhere; put it into `path`, `query` or the body"),
    ),
    "condition without place": (
        in_entity("update", {"path": ONE, "condition": {}}),
        at("update.condition", "needs one of `header` and `parameter`"),
    ),
    "condition without version": (
        in_entity("update", {"path": ONE, "condition": {"header": "If-Match"}}),
        at("update", "sends the record's version; declare `version`: where records have it"),
    ),
    "placeholder of the version without version": (
        in_entity("delete", {"path": ONE, "query": {"rev": "{record.version}"}}),
        at("delete", "sends the record's version; declare `version`: where records have it"),
    ),
    "entity tag in quotes twice": (
        in_entity_parts(
            version={"header": "etag"},
            update={"path": ONE, "condition": {"header": "If-Match", "quoted": True}},
        ),
        at("update.condition.quoted", "is not for the header ETag, which has its quotes; remove it"),
    ),
    "condition in a header that the request has": (
        in_entity("update", {"path": ONE, "headers": {"if-match": "*"}, "condition": {"header": "If-Match"}}),
        at("update.condition", "sets If-Match twice; keep one of them"),
    ),
    "condition in a parameter that the query has": (
        in_entity("delete", {"path": ONE, "query": {"rev": "1"}, "condition": {"parameter": "rev"}}),
        at("delete.condition", "sets rev twice; keep one of them"),
    ),
    "condition that the body has": (
        in_entity(
            "update",
            {
                "path": ONE,
                "json": {"meta": {"rev": 1}},
                "condition": {"parameter": "meta.rev", "in": "body"},
            },
        ),
        at("update.condition", "sets meta.rev twice; keep one of them"),
    ),
    "condition in a body that is a list": (
        in_entity(
            "update", {"path": ONE, "json": ["{record}"], "condition": {"parameter": "rev", "in": "body"}}
        ),
        at("update.condition", "can't put rev into a body that is a list; make it a mapping"),
    ),
    "key that the form has": (
        in_entity(
            "create",
            {"path": "/x", "form": {"key": "a"}, "idempotencyKey": {"parameter": "key", "in": "body"}},
        ),
        at("create.idempotencyKey", "sets key twice; keep one of them"),
    ),
    "format without pattern": (
        in_entity("update", {"path": ONE, "condition": {"header": "If-Unmodified-Since", "format": "GMT"}}),
        at(
            "update.condition.format",
            "is no pattern of strftime; write it as '%a, %d %b %Y %H:%M:%S GMT'",
        ),
    ),
    "version from nowhere": (
        in_entity("version", {"headers": "ETag"}),
        at("version", "must be a dotted path, as `meta.version`, `{jmespath: ...}`, or `{header: ETag}`"),
    ),
    "version in a header that is none": (
        in_entity("version", {"header": "E Tag"}),
        at("version", "is not a header's name; use letters, digits and -"),
    ),
    "parameter of the body that the list's form has": (
        in_entity_parts(
            list={"method": "POST", "path": "/x", "form": {"limit": "1"}},
            page={"parameter": "limit", "in": "body", "max": 5},
        ),
        at("list", "sets limit in the body twice; keep one of them"),
    ),
    "key that a write has too": (
        changed(
            "rest",
            {
                "baseUrl": "https://a.example",
                "auth": {"kind": "apiKey", "parameter": "key"},
                "entities": {
                    "thing": {
                        "list": {"path": "/"},
                        "id": "id",
                        "create": {"path": "/", "query": {"key": "1"}},
                    }
                },
            },
        ),
        at("create.query.key", "is where `auth` puts the API key; remove it here"),
    ),
}


@pytest.mark.parametrize(("document", "expected"), BROKEN.values(), ids=BROKEN)
def test_broken_request_is_told_with_path_and_cure(
    document: ProviderDocument, expected: list[Problem]
) -> None:
    """Each mistake is named by its path in the document, with what to do about it."""
    assert check(document) == expected


def test_setting_named_record_is_refused_where_it_would_be_hidden() -> None:
    """In a body `{record}` is the record; elsewhere the name is free."""
    document = in_entity_parts(
        list={"path": "/{record}"}, create={"path": "/{record}", "json": {"data": "{record}"}}
    )
    with_setting = document.model_copy(
        update={"settings": {**document.settings, "record": document.settings["shelf"]}}
    )
    assert check(with_setting) == at(
        "create.json.data", "{record} is the record here; give the setting another name"
    )
