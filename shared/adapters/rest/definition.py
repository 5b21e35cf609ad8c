"""The `rest` part of a provider's document: how to talk to a REST API, declared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated

from pydantic import Field, ValidationError

from shared.adapters.rest.auth import ApiKeyAuth, Auth, BasicAuth, BearerAuth, NoAuth
from shared.adapters.rest.deletions import DeletionIncrement, Deletions
from shared.adapters.rest.entity import ChangesRequest, EntityDefinition
from shared.adapters.rest.errors import ErrorRule
from shared.adapters.rest.fields import FieldSelection
from shared.adapters.rest.increment import Increment
from shared.adapters.rest.limits import RateLimitHeaders, RequestLimits, RetryRule, Timeouts
from shared.adapters.rest.listing import ListRequest, PageSize, parameters_of
from shared.adapters.rest.notation import EntityName, Source
from shared.adapters.rest.oauth import (
    OAuth2,
    OAuth2AuthorizationCode,
    OAuth2ClientCredentials,
    OAuth2JwtBearer,
)
from shared.adapters.rest.pagination import (
    CursorPagination,
    EndConditions,
    NextUrlPagination,
    OffsetPagination,
    PageNumberPagination,
)
from shared.adapters.rest.parents import Parent, ancestors, parent_problems
from shared.adapters.rest.record_requests import (
    Condition,
    CreateRequest,
    DeleteRequest,
    GetRequest,
    SearchRequest,
    UpdateRequest,
)
from shared.adapters.rest.requests import Request
from shared.adapters.rest.templates import template_problems, texts_in
from shared.domain.errors import ConfigurationError, Problem
from shared.domain.model import WireModel
from shared.domain.provider import ProviderDocument
from shared.domain.sweeps import Sweep
from shared.domain.validation import as_text, problems_of

_REMEMBERED_DOCUMENTS = 64
"""A few kilobytes each."""


class RestDefinition(WireModel):
    """How to talk to a REST API."""

    base_url: Annotated[str, Field(min_length=1, max_length=2000)]
    auth: Auth = NoAuth()
    limits: RequestLimits = RequestLimits()
    retry: RetryRule = RetryRule()
    timeouts: Timeouts = Timeouts()
    rate_limit_headers: RateLimitHeaders | None = None
    errors: Annotated[tuple[ErrorRule, ...], Field(max_length=100)] = ()
    retry_after: Source | None = None
    error_message: Source | None = None
    entities: Annotated[dict[EntityName, EntityDefinition], Field(min_length=1)]

    @staticmethod
    def parse(document: ProviderDocument) -> RestDefinition:
        """Read a provider's document; what was read lately is remembered.

        Raises:
            ConfigurationError: The document has problems; the message lists them all.
        """
        return _parsed(document.model_dump_json())

    def templates(self) -> Iterator[tuple[str, str, frozenset[str]]]:
        """Yield every template with its path in the document, and what it may have besides settings."""
        parameters = self.auth.parameter_templates() if isinstance(self.auth, OAuth2) else {}
        for place, template in (*self.urls().items(), *texts_in(parameters, "rest.auth")):
            yield place, template, frozenset()
        for name, entity in self.entities.items():
            for part, template, names in entity.templates():
                yield f"rest.entities.{name}.{part}", template, names

    def sweep_of(self, name: str) -> Sweep:
        """Return how many complete readings must miss a record of an entity before it counts as gone."""
        entity = self.entities.get(name)
        if entity is None or entity.deletions is None:
            return Sweep.NEVER
        lineage = (name, *ancestors(name, self.entities))
        return entity.deletions.sweep_over([self.entities[each].pagination for each in lineage])

    def urls(self) -> dict[str, str]:
        """Return the templates of URLs by their paths in the document."""
        auth = self.auth.urls() if isinstance(self.auth, OAuth2) else {}
        return {"rest.baseUrl": self.base_url} | {f"rest.auth.{key}": url for key, url in auth.items()}

    def requests(self) -> Iterator[tuple[str, Request]]:
        """Yield every request with its path in the document."""
        for name, entity in self.entities.items():
            for part, request in entity.requests():
                yield f"rest.entities.{name}.{part}", request


@lru_cache(_REMEMBERED_DOCUMENTS)
def _parsed(text: str) -> RestDefinition:
    """Read a document's JSON. Every step of a sync does so some five times, half a millisecond each."""
    document = ProviderDocument.model_validate_json(text, extra="ignore")
    if problems := check(document):
        raise ConfigurationError(f"The document of provider {document.id} has problems: {as_text(problems)}")
    return RestDefinition.model_validate(document.rest)


def check(document: ProviderDocument) -> list[Problem]:
    """List what is wrong with a provider's `rest` part; empty when it can be used."""
    try:
        definition = RestDefinition.model_validate(document.rest)
    except ValidationError as error:
        return problems_of(error, document.rest, known_keys=KNOWN_KEYS, prefix="rest.")
    problems = [
        problem
        for field, template, names in definition.templates()
        for problem in template_problems(field, template, document.settings, names)
    ]
    problems += parent_problems(definition.entities)
    problems += _credential_problems(definition)
    problems += _refresh_problems(definition)
    problems += _reset_problems(definition)
    for field, template in definition.urls().items():
        problems += _url_problems(field, template, document)
    return problems


def _credential_problems(definition: RestDefinition) -> list[Problem]:
    auth = definition.auth
    if not isinstance(auth, ApiKeyAuth):
        return []
    fixed = [
        Problem(f"{place}.{part}.{name}", "is where `auth` puts the API key; remove it here")
        for place, request in definition.requests()
        for part, names, taken in (
            ("query", request.query, auth.parameter),
            ("headers", request.headers, auth.header),
        )
        for name in names
        if taken is not None and name.lower() == taken.lower()
    ]
    return fixed + _parameters_of_the_key(definition, auth.parameter)


def _parameters_of_the_key(definition: RestDefinition, taken: str | None) -> list[Problem]:
    return [
        Problem(
            f"rest.entities.{name}.{part}.parameter",
            "is where `auth` puts the API key; correct one of the two names",
        )
        for name, entity in definition.entities.items()
        for part in ("page", "pagination", "increment", "fields")
        for location, parameter in parameters_of([getattr(entity, part)])
        if location == "query" and taken is not None and parameter.lower() == taken.lower()
    ]


def _refresh_problems(definition: RestDefinition) -> list[Problem]:
    if isinstance(definition.auth, OAuth2):
        return []
    cure = "`refresh` needs an `auth` that has tokens to renew, of an OAuth kind; use `unauthenticated`"
    return [
        Problem(f"rest.errors.{index}.action", cure)
        for index, rule in enumerate(definition.errors)
        if rule.action == "refresh"
    ]


def _reset_problems(definition: RestDefinition) -> list[Problem]:
    """Ask for a decision: what was deleted before a provider forgot the watermark, nobody tells any more."""
    if not any(rule.action == "reset" for rule in definition.errors):
        return []
    cure = (
        "is missing: after a `reset` nobody tells what was deleted before it. Say true where `list` has all"
        " that there is, so that a sweep finds it, and false where it has not"
    )
    return [
        Problem(f"rest.entities.{name}.deletions.sweep", cure)
        for name, entity in definition.entities.items()
        if entity.is_told_deletions
        and not (entity.deletions and "sweep" in entity.deletions.model_fields_set)
    ]


def _url_problems(field: str, template: str, document: ProviderDocument) -> list[Problem]:
    beginning = re.match(r"https?://(?=[^/])|\{(\w+)\}", template)
    opening = document.settings.get(beginning[1] or "") if beginning else None
    if beginning is None or (opening and opening.kind != "url"):
        cure = "must begin with https://, http:// or a {setting} of kind url"
        return [Problem(field, cure)]
    inside = re.findall(r"\{(\w+)\}", template[beginning.end() :])
    return [
        Problem(field, f"{{{name}}} is of kind url, which can only stand at the beginning")
        for name in inside
        if (setting := document.settings.get(name)) and setting.kind == "url"
    ]


_MODELS: tuple[type[WireModel], ...] = (
    RestDefinition,
    EntityDefinition,
    ListRequest,
    ChangesRequest,
    GetRequest,
    CreateRequest,
    UpdateRequest,
    DeleteRequest,
    SearchRequest,
    Condition,
    PageSize,
    FieldSelection,
    Parent,
    NextUrlPagination,
    CursorPagination,
    PageNumberPagination,
    OffsetPagination,
    EndConditions,
    Increment,
    Deletions,
    DeletionIncrement,
    RequestLimits,
    RetryRule,
    Timeouts,
    RateLimitHeaders,
    ErrorRule,
    ApiKeyAuth,
    BasicAuth,
    BearerAuth,
    OAuth2ClientCredentials,
    OAuth2AuthorizationCode,
    OAuth2JwtBearer,
)
KNOWN_KEYS = sorted({info.alias or name for model in _MODELS for name, info in model.model_fields.items()})
"""All keys of the `rest` part, for "did you mean"."""
