"""What the `rest` part of a provider's document may say, and what an author is told who gets it wrong."""

from __future__ import annotations

import pytest

from shared.adapters.rest.definition import RestDefinition, check
from shared.domain.errors import ConfigurationError, Problem
from shared.domain.provider import ProviderDocument
from shared.resilience.rate_limit import RateLimits
from shared.resilience.retry import RetryPolicy
from tests.fakes.provider_server import DOCUMENT, things_document
from tests.unit.adapters.rest.changed_documents import ENTITY, changed, in_entity

BROKEN = {
    "unknown key with a neighbour": (
        in_entity("recrds", "data"),
        [Problem(f"{ENTITY}.recrds", "is not a key here; did you mean `records`?")],
    ),
    "unknown key": (changed("rest/zzz", 1), [Problem("rest.zzz", "is not a key here; remove it")]),
    "no base URL": (changed("rest/baseUrl", drop=True), [Problem("rest.baseUrl", "is missing; add it")]),
    "base URL without scheme": (
        changed("rest/baseUrl", "api.example.com"),
        [Problem("rest.baseUrl", "must begin with https://, http:// or a {setting} of kind url")],
    ),
    "base URL that begins with a text": (
        changed("rest/baseUrl", "{shelf}/api"),
        [Problem("rest.baseUrl", "must begin with https://, http:// or a {setting} of kind url")],
    ),
    "base URL with a URL inside": (
        changed("rest/baseUrl", "https://{serverUrl}/api"),
        [Problem("rest.baseUrl", "{serverUrl} is of kind url, which can only stand at the beginning")],
    ),
    "placeholder without setting": (
        in_entity("list/path", "/shelves/{shelve}"),
        [
            Problem(
                f"{ENTITY}.list.path",
                "{shelve} is no setting; declare `shelve` under settings, or correct the name",
            )
        ],
    ),
    "placeholder that may be empty": (
        changed("settings/shelf", {"required": False}),
        [
            Problem(field, "{shelf} may have no value; make the setting required or give it a default")
            for field in (f"{ENTITY}.list.path", f"{ENTITY}.list.headers.X-Shelf")
        ],
    ),
    "single brace": (
        in_entity("list/query", {"q": "a}b"}),
        [Problem(f"{ENTITY}.list.query.q", "has a single brace; write placeholders as {settingName}")],
    ),
    "path without slash": (
        in_entity("list/path", "things?all=1"),
        [
            Problem(
                f"{ENTITY}.list.path",
                "must begin with `/` and hold no space, `?` or `#`; parameters belong under query",
            )
        ],
    ),
    "query value that is no text": (
        in_entity("list/query", {"all": 1}),
        [Problem(f"{ENTITY}.list.query.all", "must be text; put it in quotes")],
    ),
    "header of the client": (
        in_entity("list/headers", {"Authorization": "Bearer x"}),
        [Problem(f"{ENTITY}.list.headers.Authorization", "is for credentials; remove it and declare `auth`")],
    ),
    "header with a space": (
        in_entity("pagination/header", "Next Page"),
        [Problem(f"{ENTITY}.pagination.header", "is not a header's name; use letters, digits and -")],
    ),
    "bad dotted path": (
        in_entity("records", "answer..items"),
        [Problem(f"{ENTITY}.records", "is not a dotted path; write it as `data.items`, at most ten names")],
    ),
    "unknown pagination": (
        in_entity("pagination", {"kind": "magic"}),
        [
            Problem(
                f"{ENTITY}.pagination",
                "has the unknown kind 'magic'; use 'nextUrl', 'cursor', 'pageNumber', 'offset', 'none'",
            )
        ],
    ),
    "pagination without kind": (
        in_entity("pagination", {"header": "Link"}),
        [Problem(f"{ENTITY}.pagination", "needs 'kind'")],
    ),
    "unknown auth": (
        changed("rest/auth", {"kind": "magic"}),
        [
            Problem(
                "rest.auth",
                "has the unknown kind 'magic'; use 'none', 'apiKey', 'basic', 'bearer',"
                " 'oauth2ClientCredentials', 'oauth2AuthorizationCode', 'oauth2JwtBearer'",
            )
        ],
    ),
    "initial of another type": (
        in_entity("increment/initial", "0"),
        [Problem(f"{ENTITY}.increment.initial", "must be of type integer, as the field's values")],
    ),
    "parameter set twice": (
        in_entity("list/query", {"limit": "5"}),
        [Problem(f"{ENTITY}.list", "sets the parameter limit twice; keep one of them")],
    ),
    "page size out of range": (
        in_entity("page/max", 0),
        [Problem(f"{ENTITY}.page.max", "must be at least 1")],
    ),
    "timeout out of range": (
        changed("rest/timeouts", {"totalSeconds": 900}),
        [Problem("rest.timeouts.totalSeconds", "must be at most 120.0")],
    ),
    "limit of nothing": (
        changed("rest/limits", {"requestsPerSecond": 0}),
        [Problem("rest.limits.requestsPerSecond", "must be at least 1")],
    ),
    "limit of an unknown window": (
        in_entity("limits", {"requestsPerWeek": 5}),
        [Problem(f"{ENTITY}.limits.requestsPerWeek", "is not a key here; did you mean `requestsPerDay`?")],
    ),
    "too many attempts": (
        changed("rest/retry", {"maxAttempts": 11}),
        [Problem("rest.retry.maxAttempts", "must be at most 10")],
    ),
    "delay that no worker may wait": (
        in_entity("retry", {"maxDelaySeconds": 301}),
        [Problem(f"{ENTITY}.retry.maxDelaySeconds", "must be at most 300.0")],
    ),
    "delays that shrink": (
        changed("rest/retry", {"multiplier": 0.5}),
        [Problem("rest.retry.multiplier", "must be at least 1.0")],
    ),
    "no time to connect": (
        changed("rest/timeouts", {"connectSeconds": 0}),
        [Problem("rest.timeouts.connectSeconds", "must be more than 0.0")],
    ),
    "quota without reset": (
        changed("rest/rateLimitHeaders", {"remaining": "X-RateLimit-Remaining"}),
        [Problem("rest.rateLimitHeaders.reset", "is missing; add it")],
    ),
    "no entities": (changed("rest/entities", {}), [Problem("rest.entities", "needs at least 1 entry")]),
    "entity name": (
        changed("rest/entities", {"a b": DOCUMENT["rest"]["entities"]["thing"]}),
        [
            Problem(
                "rest.entities.a b",
                "is no entity name; use letters, digits and . _ -, beginning with a letter or digit",
            )
        ],
    ),
    "entity that is a text": (
        changed("rest/entities/thing", "things"),
        [Problem(ENTITY, "must be a mapping of keys to values")],
    ),
    "several": (
        in_entity("list", {"pth": "/x"}),
        [
            Problem(f"{ENTITY}.list.path", "is missing; add it"),
            Problem(f"{ENTITY}.list.pth", "is not a key here; did you mean `path`?"),
        ],
    ),
}


@pytest.mark.parametrize(("document", "expected"), BROKEN.values(), ids=BROKEN)
def test_broken_document_is_told_with_path_and_cure(
    document: ProviderDocument, expected: list[Problem]
) -> None:
    """Each mistake is named by its path in the document, with what to do about it."""
    assert check(document) == expected


def test_working_document_has_no_problems() -> None:
    """The fake provider's document is what the code reads."""
    assert check(things_document()) == []


def test_parse_refuses_a_broken_document_with_all_its_problems() -> None:
    """Where a document must work, one error lists everything."""
    with pytest.raises(ConfigurationError) as caught:
        RestDefinition.parse(in_entity("list", {"pth": "/x"}))
    assert str(caught.value) == (
        "The document of provider things has problems: rest.entities.thing.list.path: is missing; add it;"
        " rest.entities.thing.list.pth: is not a key here; did you mean `path`?"
    )


def test_smallest_document_is_enough() -> None:
    """What has a sensible default need not be written."""
    smallest = {
        "baseUrl": "https://api.example.com",
        "entities": {"thing": {"list": {"path": "/"}, "id": "id"}},
    }
    definition = RestDefinition.parse(changed("rest", smallest))
    assert definition.auth.kind == "none"
    assert (definition.timeouts.total_seconds, definition.timeouts.connect_seconds) == (30.0, 10.0)
    assert definition.retry.policy() == RetryPolicy()
    assert definition.limits.for_limiter() == RateLimits()
    assert definition.entities["thing"].pagination.kind == "none"
