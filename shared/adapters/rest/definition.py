"""The `rest` part of a provider's document: how to talk to a REST API, declared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from shared.adapters.rest.auth import ApiKeyAuth, Auth, BasicAuth, BearerAuth, NoAuth
from shared.adapters.rest.deletions import Deletions
from shared.adapters.rest.errors import ErrorRule
from shared.adapters.rest.increment import Increment
from shared.adapters.rest.notation import (
    BodyPath,
    EntityName,
    Location,
    Name,
    Parameter,
    Source,
)
from shared.adapters.rest.pagination import (
    CursorPagination,
    EndConditions,
    NextUrlPagination,
    NoPagination,
    OffsetPagination,
    PageNumberPagination,
    Pagination,
)
from shared.adapters.rest.record_requests import (
    Condition,
    CreateRequest,
    DeleteRequest,
    GetRequest,
    RecordRequests,
    SearchRequest,
    UpdateRequest,
)
from shared.adapters.rest.requests import Request
from shared.adapters.rest.templates import template_problems
from shared.domain.errors import ConfigurationError, Problem
from shared.domain.model import WireModel
from shared.domain.provider import ProviderDocument
from shared.domain.validation import as_text, problems_of


class Timeouts(WireModel):
    """How long a request may take, from the connection to the last byte. The guide's `apiCall` is 30 s."""

    total_seconds: Annotated[float, Field(gt=0, le=120)] = 30.0


class ListRequest(Request):
    """The request for the first page. Parameters with `in: body` are added to the body of a POST."""

    method: Literal["GET", "POST"] = "GET"
    json_body: dict[str, Any] | None = Field(default=None, alias="json")
    form: dict[Name, str] | None = None


class ChangesRequest(WireModel):
    """Another request for incremental runs, where the API has one."""

    listing: ListRequest = Field(alias="list")
    records: BodyPath | None = None


class PageSize(Parameter):
    """The parameter that asks for a number of records, and the largest that the API admits."""

    max: Annotated[int, Field(ge=1, le=10_000)]


class EntityDefinition(RecordRequests):
    """One kind of records.

    Attributes:
        listing: The request that lists them; `list` in the document.
        records: Where the answer has its list of records; without it, the answer is the list.
        id: The record's field with its id, text or whole number.
        modified: The record's field with its time or number of change.
        deleted: The record's boolean field that is true in a tombstone.
        deletions: How else it is found out that records are gone.
        page: Without it, the API decides how many records a page has.
        changes: What incremental runs ask instead of `list` and `records`.
    """

    listing: ListRequest = Field(alias="list")
    records: BodyPath | None = None
    id: BodyPath
    modified: BodyPath | None = None
    deleted: BodyPath | None = None
    deletions: Deletions | None = None
    page: PageSize | None = None
    pagination: Pagination = NoPagination()
    increment: Increment | None = None
    changes: ChangesRequest | None = None

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if conflict := next(self._conflicts(), None):
            raise ValueError(conflict)
        return self

    def requests(self) -> Iterator[tuple[str, Request]]:
        """Yield the entity's requests, each with its path in the entity."""
        yield "list", self.listing
        if self.changes:
            yield "changes.list", self.changes.listing
        yield from self.record_requests().items()

    def parameters(self) -> Iterator[tuple[str, Location, str]]:
        """Yield what is added to the requests: the part that adds it, where it goes, and its name."""
        for part in ("page", "pagination", "increment"):
            own = getattr(self, part)
            if parameter := getattr(own, "parameter", None):
                yield part, getattr(own, "location", "query"), parameter

    def _conflicts(self) -> Iterator[str]:
        if self.changes and not (self.increment and self.increment.parameter):
            yield "`changes` is for incremental runs; declare `increment` with a `parameter`, or remove it"
        end = getattr(self.pagination, "end", None)
        if end and end.short_page and not self.page:
            yield "`end.shortPage` needs `page`: how many records are asked for"
        for listing in (self.listing, *([self.changes.listing] if self.changes else [])):
            yield from _request_conflicts(
                listing, [(location, name) for _, location, name in self.parameters()]
            )
        yield from self.record_conflicts()


def _request_conflicts(request: ListRequest, parameters: list[tuple[Location, str]]) -> Iterator[str]:
    in_query = [*request.query, *(name for location, name in parameters if location == "query")]
    if repeated := sorted({name for name in in_query if in_query.count(name) > 1}):
        yield f"sets the parameter {', '.join(repeated)} twice; keep one of them"
    in_body = [name for location, name in parameters if location == "body"]
    if in_body and request.method == "GET":
        yield "has a parameter `in: body`, but a GET has no body; add `method: POST` to its list request"
    clashes = {
        name
        for name in in_body
        if in_body.count(name) > 1
        or any(other.startswith(f"{name}.") for other in in_body)
        or request.has_in_body(name)
    }
    if clashes:
        yield f"sets {', '.join(sorted(clashes))} in the body twice; keep one of them"


class RestDefinition(WireModel):
    """How to talk to a REST API."""

    base_url: Annotated[str, Field(min_length=1, max_length=2000)]
    auth: Auth = NoAuth()
    timeouts: Timeouts = Timeouts()
    errors: Annotated[tuple[ErrorRule, ...], Field(max_length=100)] = ()
    retry_after: Source | None = None
    entities: Annotated[dict[EntityName, EntityDefinition], Field(min_length=1)]

    @classmethod
    def parse(cls, document: ProviderDocument) -> Self:
        """Read a provider's document.

        Raises:
            ConfigurationError: The document has problems; the message lists them all.
        """
        if problems := check(document):
            raise ConfigurationError(
                f"The document of provider {document.id} has problems: {as_text(problems)}"
            )
        return cls.model_validate(document.rest)

    def templates(self) -> Iterator[tuple[str, str, frozenset[str]]]:
        """Yield every template with its path in the document, and what it may have besides settings."""
        yield "rest.baseUrl", self.base_url, frozenset()
        for place, request in self.requests():
            for part, template, names in request.templates():
                yield f"{place}.{part}", template, names

    def requests(self) -> Iterator[tuple[str, Request]]:
        """Yield every request with its path in the document."""
        for name, entity in self.entities.items():
            for part, request in entity.requests():
                yield f"rest.entities.{name}.{part}", request


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
    problems += _credential_problems(definition)
    return problems + _base_url_problems(definition.base_url, document)


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
        for part, location, parameter in entity.parameters()
        if location == "query" and taken is not None and parameter.lower() == taken.lower()
    ]


def _base_url_problems(template: str, document: ProviderDocument) -> list[Problem]:
    beginning = re.match(r"https?://(?=[^/])|\{(\w+)\}", template)
    opening = document.settings.get(beginning[1] or "") if beginning else None
    if beginning is None or (opening and opening.kind != "url"):
        cure = "must begin with https://, http:// or a {setting} of kind url"
        return [Problem("rest.baseUrl", cure)]
    inside = re.findall(r"\{(\w+)\}", template[beginning.end() :])
    return [
        Problem("rest.baseUrl", f"{{{name}}} is of kind url, which can only stand at the beginning")
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
    NextUrlPagination,
    CursorPagination,
    PageNumberPagination,
    OffsetPagination,
    EndConditions,
    Increment,
    Deletions,
    Timeouts,
    ErrorRule,
    ApiKeyAuth,
    BasicAuth,
    BearerAuth,
)
KNOWN_KEYS = sorted({info.alias or name for model in _MODELS for name, info in model.model_fields.items()})
"""All keys of the `rest` part, for "did you mean"."""
