"""The `rest` part of a provider's document: how to talk to a REST API, declared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from shared.adapters.problems import as_text, problems_of
from shared.adapters.rest.templates import template_problems
from shared.domain.errors import ConfigurationError, Problem
from shared.domain.integration import FieldPath
from shared.domain.model import Id, WireModel
from shared.domain.provider import ProviderDocument

_FIELD_PATH = TypeAdapter(FieldPath)
_ID = TypeAdapter(Id)
_PATH = re.compile(r"/[!-~]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_CLIENTS_HEADERS = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "host",
        "transfer-encoding",
    }
)


def _dotted(value: str) -> str:
    try:
        return _FIELD_PATH.validate_python(value)
    except ValidationError:
        raise ValueError("is not a dotted path; write it as `data.items`, at most ten names") from None


def _entity_name(value: str) -> str:
    try:
        return _ID.validate_python(value)
    except ValidationError:
        raise ValueError(
            "is no entity name; use letters, digits and . _ ~ -, beginning with a letter"
        ) from None


def _path(value: str) -> str:
    if not _PATH.fullmatch(value) or set("?#") & set(value):
        raise ValueError("must begin with `/` and hold no space, `?` or `#`; parameters belong under query")
    return value


def _header(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise ValueError("is not a header's name; use letters, digits and -")
    return value


def _request_header(value: str) -> str:
    if _header(value).lower() in _CLIENTS_HEADERS:
        raise ValueError("is set by the client itself; remove it")
    return value


DottedPath = Annotated[str, AfterValidator(_dotted)]
EntityName = Annotated[str, AfterValidator(_entity_name)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class NoAuth(WireModel):
    """Requests carry no credentials."""

    kind: Literal["none"] = "none"


class Timeouts(WireModel):
    """How long a request may take, from the connection to the last byte. The guide's `apiCall` is 30 s."""

    total_seconds: Annotated[float, Field(gt=0, le=120)] = 30.0


class ListRequest(WireModel):
    """The request for the first page. Values are templates; paths and queries get them percent-encoded."""

    path: Annotated[str, AfterValidator(_path)]
    query: dict[Name, str] = Field(default_factory=dict)
    headers: dict[Annotated[str, AfterValidator(_request_header)], str] = Field(default_factory=dict)


class PageSize(WireModel):
    """The query parameter that asks for a number of records, and the largest that the API admits."""

    parameter: Name
    max: Annotated[int, Field(ge=1, le=10_000)]


class NextUrlPagination(WireModel):
    """The answer's header holds the next page's URL, absolute or relative; without it, it was the last."""

    kind: Literal["nextUrl"]
    header: Annotated[str, AfterValidator(_header)]


class NoPagination(WireModel):
    """One request answers with everything."""

    kind: Literal["none"] = "none"


Pagination = Annotated[NextUrlPagination | NoPagination, Field(discriminator="kind")]


class Increment(WireModel):
    """How to ask only for what changed.

    Attributes:
        parameter: The query parameter that takes the watermark.
        field: The record's field whose highest value becomes the watermark.
        value_type: `type` in the document: `integer`, or `text` that sorts by its characters, as UTC times
            of one format do.
        initial: Sent by a run that has no watermark; without it, that run leaves the parameter out.
        quoted: Whether the value goes out in double quotes, as an entity tag.
    """

    parameter: Name
    field: DottedPath
    value_type: Literal["integer", "text"] = Field(default="text", alias="type")
    initial: int | str | None = None
    quoted: bool = False

    @model_validator(mode="after")
    def _initial_has_the_type(self) -> Self:
        if self.initial is not None and type(self.initial) is not self.python_type:
            raise ValueError(f"initial must be of type {self.value_type}, as the field's values")
        return self

    @property
    def python_type(self) -> type[int | str]:
        """The type of a watermark."""
        return int if self.value_type == "integer" else str


class EntityDefinition(WireModel):
    """One kind of records.

    Attributes:
        listing: The request that lists them; `list` in the document.
        records: Where the answer has its list of records; without it, the answer is the list.
        id: The record's field with its id, text or whole number.
        modified: The record's field with its time or number of change.
        deleted: The record's boolean field that is true in a tombstone.
        page: Without it, the API decides how many records a page has.
    """

    listing: ListRequest = Field(alias="list")
    records: DottedPath | None = None
    id: DottedPath
    modified: DottedPath | None = None
    deleted: DottedPath | None = None
    page: PageSize | None = None
    pagination: Pagination = NoPagination()
    increment: Increment | None = None

    @model_validator(mode="after")
    def _parameters_are_set_once(self) -> Self:
        names = [*self.listing.query, *(part.parameter for part in (self.page, self.increment) if part)]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"sets the parameter {', '.join(repeated)} twice; keep one of them")
        return self


class RestDefinition(WireModel):
    """How to talk to a REST API."""

    base_url: Annotated[str, Field(min_length=1, max_length=2000)]
    auth: NoAuth = NoAuth()
    timeouts: Timeouts = Timeouts()
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

    def templates(self) -> Iterator[tuple[str, str]]:
        """Yield every template with its path in the document."""
        yield "rest.baseUrl", self.base_url
        for name, entity in self.entities.items():
            place = f"rest.entities.{name}.list"
            yield f"{place}.path", entity.listing.path
            for part, templates in (("query", entity.listing.query), ("headers", entity.listing.headers)):
                for key, template in templates.items():
                    yield f"{place}.{part}.{key}", template


def check(document: ProviderDocument) -> list[Problem]:
    """List what is wrong with a provider's `rest` part; empty when it can be used."""
    try:
        definition = RestDefinition.model_validate(document.rest)
    except ValidationError as error:
        return problems_of(error, document.rest, known_keys=_KEYS, prefix="rest.")
    problems = [
        problem
        for field, template in definition.templates()
        for problem in template_problems(field, template, document.settings)
    ]
    return problems + _base_url_problems(definition.base_url, document)


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
    PageSize,
    NextUrlPagination,
    Increment,
    Timeouts,
    NoAuth,
)
_KEYS = sorted({info.alias or name for model in _MODELS for name, info in model.model_fields.items()})
"""All keys of the `rest` part, for "did you mean"."""
