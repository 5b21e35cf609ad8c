"""How names, paths and places are written in a provider's document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, TypeAdapter, ValidationError, model_validator

from shared.adapters.hooks import HOOKS
from shared.domain.field_paths import FieldPath
from shared.domain.jmespath_check import compile_jmespath
from shared.domain.model import Id, WireModel
from shared.domain.validation import blame

_FIELD_PATH = TypeAdapter(FieldPath)
_ID = TypeAdapter(Id)
_PATH = re.compile(r"/[!-~]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_CLIENTS_HEADERS = frozenset(
    {"accept-encoding", "connection", "content-length", "content-type", "host", "transfer-encoding"}
)
_CREDENTIAL_HEADERS = frozenset({"authorization", "cookie"})


@dataclass(frozen=True, slots=True)
class JmesPath:
    """A JMESPath expression (https://jmespath.org), for what a dotted path does not reach."""

    expression: str

    def __str__(self) -> str:
        return self.expression


@dataclass(frozen=True, slots=True)
class AnswerHeader:
    """A header of an answer."""

    header: str


@dataclass(frozen=True, slots=True)
class HookName:
    """One of `HOOKS`, for what no expression can do."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Present:
    """A field that is there, and not null."""

    path: str

    def __str__(self) -> str:
        return self.path


def _dotted(value: str) -> str:
    try:
        path = _FIELD_PATH.validate_python(value)
    except ValidationError:
        raise ValueError("is not a dotted path; write it as `data.items`, at most ten names") from None
    if "@odata." in path:
        raise ValueError("has a dot inside a name; write it as `{jmespath: '\"@odata.nextLink\"'}`")
    return path


def _body_path(value: Any) -> Path:
    if isinstance(value, str):
        return _dotted(value)
    kind, text = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (None, None)
    if kind == "jmespath" and isinstance(text, str):
        _require_jmespath(text)
        return JmesPath(text)
    if kind == "hook" and isinstance(text, str):
        return _hook(text)
    raise ValueError("must be a dotted path, as `data.items`, or `{jmespath: ...}` and nothing else")


def _hook(name: str) -> HookName:
    if name not in HOOKS:
        raise ValueError(f"there is no hook {name}; use one of {', '.join(sorted(HOOKS))}, or `jmespath`")
    return HookName(name)


def _require_jmespath(expression: str) -> None:
    try:
        compile_jmespath(expression)
    except ValueError as error:
        reason = str(error).partition("\n")[0].rstrip(":")
        raise ValueError(f"can't be used: {reason}; correct it") from None


def _entity_name(value: str) -> str:
    try:
        return _ID.validate_python(value)
    except ValidationError:
        raise ValueError(
            "is no entity name; use letters, digits and . _ -, beginning with a letter or digit"
        ) from None


def _path(value: str) -> str:
    if not _PATH.fullmatch(value) or set("?#") & set(value):
        raise ValueError("must begin with `/` and hold no space, `?` or `#`; parameters belong under query")
    return value


def _header(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise ValueError("is not a header's name; use letters, digits and -")
    return value


def _field_or_header(value: Any) -> Path | AnswerHeader:
    header = value.get("header") if isinstance(value, dict) and len(value) == 1 else None
    if isinstance(header, str):
        return AnswerHeader(_header(header))
    if isinstance(value, str) or (isinstance(value, dict) and {"jmespath", "hook"} & set(value)):
        return _body_path(value)
    raise ValueError("must be a dotted path, as `meta.version`, `{jmespath: ...}`, or `{header: ETag}`")


def _request_header(value: str) -> str:
    if _header(value).lower() in _CLIENTS_HEADERS:
        raise ValueError("is set by the client itself; remove it")
    if value.lower() in _CREDENTIAL_HEADERS:
        raise ValueError("is for credentials; remove it and declare `auth`")
    return value


def _credential_header(value: str) -> str:
    if _header(value).lower() in _CLIENTS_HEADERS:
        raise ValueError("is set by the client itself; name another header")
    return value


def _deletion_mark(value: Any) -> Path | Present:
    path = value.get("present") if isinstance(value, dict) and len(value) == 1 else None
    return Present(_dotted(path)) if isinstance(path, str) else _body_path(value)


Path = str | JmesPath | HookName
"""A dotted path through objects, a JMESPath expression, or a hook."""
DeletionPath = Path | Present
BodyPath = Annotated[Path, PlainValidator(_body_path)]
"""A place in parsed JSON."""
FieldOrHeader = Annotated[Path | AnswerHeader, PlainValidator(_field_or_header)]
"""A BodyPath, or `{header: ETag}`: the whole value of a header of the answer."""
DeletionMark = Annotated[DeletionPath, PlainValidator(_deletion_mark)]
"""What marks a tombstone: a place that holds true, or `{present: ...}`, a field that only tombstones have."""
EntityName = Annotated[str, AfterValidator(_entity_name)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
UrlPath = Annotated[str, AfterValidator(_path)]
HeaderName = Annotated[str, AfterValidator(_header)]
RequestHeaderName = Annotated[str, AfterValidator(_request_header)]
CredentialHeaderName = Annotated[str, AfterValidator(_credential_header)]
Location = Literal["query", "body"]


class Source(WireModel):
    """One place in an answer: a header, or a path into the body."""

    header: HeaderName | None = None
    body_path: BodyPath | None = None

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if (self.header is None) == (self.body_path is None):
            raise ValueError("needs one of `header` and `bodyPath`")
        return self


class Parameter(WireModel):
    """One value of a request: a query parameter, or with `in: body` a dotted path in the JSON body."""

    parameter: Name
    location: Location = Field(default="query", alias="in")

    @model_validator(mode="after")
    def _is_a_path_in_the_body(self) -> Self:
        require_place(self.location, self.parameter)
        return self


def require_place(location: Location, parameter: str) -> None:
    """Make sure that a parameter of the body is a path in it.

    Raises:
        PydanticCustomError: It is none.
    """
    if location == "body":
        try:
            _dotted(parameter)
        except ValueError as error:
            raise blame("parameter", str(error)) from None
