"""What an author is told who gets parents, deletions, links, fields or hooks wrong."""

from __future__ import annotations

from typing import Any

import pytest

from shared.adapters.rest.definition import check
from shared.domain.errors import Problem
from shared.domain.provider import ProviderDocument
from tests.fakes.provider_server import DOCUMENT
from tests.unit.adapters.rest.changed_documents import ENTITY, changed, in_entity, in_entity_parts

CHILD = "rest.entities.part"
LIST = {"path": "/things/{parent.id}/parts"}
GONE = {"list": {"path": "/gone"}, "id": "id"}
LINK = {"link": {"bodyPath": "delta"}}
TIMED = {"increment": {"parameter": "since", "field": "meta.changed", "type": "dateTime"}}
NOBODY_TELLS = (
    "is missing: after a `reset` nobody tells what was deleted before it. Say true where `list` has all"
    " that there is, so that a sweep finds it, and false where it has not"
)
NEEDS_TIMES = "use `type: dateTime`, or `integer` with `unit`"


def with_child(keys: dict[str, Any] | None = None, **parent: Any) -> ProviderDocument:
    """Return the working document with an entity `part`, whose parent is `thing`."""
    part = {"list": LIST, "id": "id", "parent": {"entity": "thing", **parent}, **(keys or {})}
    return changed("rest/entities/part", part)


def without_increment() -> dict[str, Any]:
    entity = DOCUMENT["rest"]["entities"]["thing"]
    return {key: value for key, value in entity.items() if key != "increment"}


def forgetful(**parts: Any) -> ProviderDocument:
    """Return the working document, by times, of a provider that may forget the watermark."""
    entity = {**without_increment(), **TIMED, **parts}
    rules = [{"status": 410, "action": "reset"}]
    return changed("rest", {**DOCUMENT["rest"], "errors": rules, "entities": {"thing": entity}})


BROKEN = {
    "unknown parent": (
        with_child(entity="shelf"),
        [Problem(f"{CHILD}.parent.entity", "is no entity of this document; name one of thing")],
    ),
    "parent of itself": (
        with_child(entity="part"),
        [Problem(f"{CHILD}.parent.entity", "leads back to this entity; one of them must have no parent")],
    ),
    "request without parent": (
        with_child({"list": {"path": "/parts"}}),
        [Problem(f"{CHILD}.list", "does not say whose records it asks for; use {parent.id} in it")],
    ),
    "parent's field that is no path": (
        with_child({"list": {"path": "/{parent.id}", "query": {"q": "{parent.a b}"}}}),
        [
            Problem(
                f"{CHILD}.list.query.q",
                "{parent.a b} has no value here; use {parent.fieldName}, or remove it",
            )
        ],
    ),
    "parent's field without parent": (
        in_entity("list", LIST),
        [
            Problem(
                f"{ENTITY}.list.path",
                "{parent.id} has no value here; it is for `list` and `changes` of an entity with a `parent`",
            )
        ],
    ),
    "increment of a child by text": (
        with_child({"increment": {"parameter": "since", "field": "at", "inclusive": True}}),
        [Problem(f"{CHILD}.increment", f"must tell times beside `parent`: {NEEDS_TIMES}")],
    ),
    "increment of a child whose changes change the parent": (
        with_child(
            {"increment": {"parameter": "s", "field": "at", "inclusive": True}}, changesWithChildren=True
        ),
        [
            Problem(
                f"{CHILD}.increment", "can't stand beside `parent.changesWithChildren`; remove one of them"
            )
        ],
    ),
    "changes of a parent that tells none": (
        changed(
            "rest/entities",
            {
                "thing": without_increment(),
                "part": {
                    "list": LIST,
                    "id": "id",
                    "parent": {"entity": "thing", "changesWithChildren": True},
                },
            },
        ),
        [
            Problem(
                f"{CHILD}.parent.changesWithChildren",
                "needs an `increment` on thing, which tells its changes",
            )
        ],
    ),
    "deletions without list": (
        in_entity("deletions", {"id": "id"}),
        [
            Problem(
                f"{ENTITY}.deletions",
                "needs `list`, the request that lists deletions, or `sweep: true` and nothing else",
            )
        ],
    ),
    "deletions of nothing": (
        in_entity("deletions", {}),
        [
            Problem(
                f"{ENTITY}.deletions",
                "needs `list`, the request that lists deletions, or `sweep: true` and nothing else",
            )
        ],
    ),
    "deletions without id": (
        in_entity("deletions", {"list": {"path": "/gone"}}),
        [Problem(f"{ENTITY}.deletions.id", "is missing: where the listed deletions have the id; add it")],
    ),
    "single records under ids that only we know": (
        with_child({"get": {"path": "/parts/{record.id}"}}, idIncludesParent=True),
        [
            Problem(
                f"{CHILD}.get",
                "can't stand beside `parent.idIncludesParent`, whose ids the provider does not know",
            )
        ],
    ),
    "parent of a single record": (
        with_child({"get": {"path": "/{parent.id}/{record.id}"}}),
        [
            Problem(
                f"{CHILD}.get.path",
                "{parent.id} has no value here; it is for `list` and `changes` of an entity with a `parent`",
            )
        ],
    ),
    "deletions without increment": (
        changed("rest/entities/thing", {**without_increment(), "deletions": GONE}),
        [Problem(f"{ENTITY}.deletions.list", "is for incremental runs; declare `increment`")],
    ),
    "deletions without times": (
        in_entity("deletions", GONE),
        [
            Problem(
                f"{ENTITY}.increment", f"must tell times beside `deletions.list`: {NEEDS_TIMES}; or a `token`"
            )
        ],
    ),
    "deletions without place for the watermark": (
        in_entity_parts(
            deletions=GONE, increment={"field": "at", "type": "dateTime", "clientSideFilter": True}
        ),
        [
            Problem(
                f"{ENTITY}.deletions.increment.parameter",
                "is missing: where the list takes the watermark; add it",
            )
        ],
    ),
    "deletions in the body of a GET": (
        in_entity_parts(
            deletions={**GONE, "increment": {"in": "body"}},
            increment={"parameter": "since", "field": "at", "type": "dateTime"},
        ),
        [
            Problem(
                f"{ENTITY}.deletions.list",
                "has a parameter `in: body`, but a GET has no body; add `method: POST`",
            )
        ],
    ),
    "deletions from no path in the body": (
        in_entity("deletions", {**GONE, "increment": {"in": "body", "parameter": "a..b"}}),
        [
            Problem(
                f"{ENTITY}.deletions.increment.parameter",
                "is not a dotted path; write it as `data.items`, at most ten names",
            )
        ],
    ),
    "deletions that nobody tells after a reset": (
        forgetful(deletions=GONE, deleted=None),
        [Problem(f"{ENTITY}.deletions.sweep", NOBODY_TELLS)],
    ),
    "tombstones that nobody tells after a reset": (
        forgetful(deleted="gone"),
        [Problem(f"{ENTITY}.deletions.sweep", NOBODY_TELLS)],
    ),
    "deletions beside a link": (
        in_entity_parts(deletions=GONE, increment=LINK),
        [
            Problem(
                f"{ENTITY}.deletions.list",
                "can't stand beside `increment.link`, which tells deletions; remove one",
            )
        ],
    ),
    "link beside other keys": (
        in_entity("increment", {**LINK, "parameter": "since"}),
        [
            Problem(
                f"{ENTITY}.increment.link",
                "says all that the next run asks for; remove the other keys",
            )
        ],
    ),
    "link beside a cursor": (
        in_entity_parts(
            increment=LINK, pagination={"kind": "cursor", "bodyPath": "next", "parameter": "cursor"}
        ),
        [Problem(f"{ENTITY}.increment.link", "needs a GET, and `pagination` of kind nextUrl or none")],
    ),
    "name with a dot": (
        in_entity("pagination", {"kind": "nextUrl", "bodyPath": "@odata.nextLink"}),
        [
            Problem(
                f"{ENTITY}.pagination.bodyPath",
                "has a dot inside a name; write it as `{jmespath: '\"@odata.nextLink\"'}`",
            )
        ],
    ),
    "presence of nothing": (
        in_entity("deleted", {"present": "a..b"}),
        [Problem(f"{ENTITY}.deleted", "is not a dotted path; write it as `data.items`, at most ten names")],
    ),
    "fields beside a parameter of the list": (
        in_entity("fields", {"parameter": "sort"}),
        [Problem(f"{ENTITY}.list", "sets the parameter sort twice; keep one of them")],
    ),
    "unknown style": (
        in_entity("fields", {"parameter": "f", "style": "deep"}),
        [Problem(f"{ENTITY}.fields.style", "must be 'dotted' or 'topLevel'")],
    ),
    "unknown hook": (
        in_entity("records", {"hook": "gmail"}),
        [Problem(f"{ENTITY}.records", "there is no hook gmail; use one of gmailMessage, or `jmespath`")],
    ),
}


@pytest.mark.parametrize(("document", "expected"), BROKEN.values(), ids=BROKEN)
def test_broken_shape_is_told_with_path_and_cure(document: ProviderDocument, expected: list[Problem]) -> None:
    """Each mistake is named by its path in the document, with what to do about it."""
    assert check(document) == expected


def test_deletion_list_knows_no_parent() -> None:
    """It is asked once for all, and so has no parent to name."""
    increment = {"parameter": "since", "field": "at", "type": "dateTime"}
    deletions = {"list": {"path": "/gone/{parent.id}"}, "id": "id"}
    (problem,) = check(with_child({"increment": increment, "deletions": deletions}))
    assert problem.field == f"{CHILD}.deletions.list.path"


@pytest.mark.parametrize(
    "parts",
    [
        {"deletions": {**GONE, "sweep": True}},
        {"deletions": {"sweep": False}},
        {"increment": DOCUMENT["rest"]["entities"]["thing"]["increment"]},
    ],
    ids=["list and sweep", "decided otherwise", "asked alike from the beginning"],
)
def test_provider_that_forgets_is_accepted_where_deletions_are_decided(parts: dict[str, Any]) -> None:
    """Or where a complete list has the tombstones too."""
    assert check(forgetful(**parts)) == []
