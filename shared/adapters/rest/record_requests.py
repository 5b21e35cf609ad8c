"""The requests of an entity about single records, and the search: in a provider's document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.adapters.rest.notation import (
    AnswerHeader,
    BodyPath,
    FieldOrHeader,
    Location,
    Name,
    RequestHeaderName,
    require_place,
)
from shared.adapters.rest.requests import Request
from shared.adapters.rest.templates import ANY_FIELD, WHOLE_RECORD
from shared.domain.model import WireModel
from shared.domain.validation import blame
from shared.ports.adapter import Operation

_FIELDS = frozenset({"record", ANY_FIELD})


class Place(WireModel):
    """Where one value goes: a header, or a parameter of the query or (`in: body`) of the body."""

    header: RequestHeaderName | None = None
    parameter: Name | None = None
    location: Location = Field(default="query", alias="in")

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if (self.header is None) == (self.parameter is None):
            raise ValueError("needs one of `header` and `parameter`")
        require_place(self.location, self.parameter or "unused")
        return self

    def conflicts_in(self, request: Request) -> Iterator[str]:
        """Yield what keeps a value from going there in a request."""
        name = self.header or self.parameter or ""
        in_body = self.header is None and self.location == "body"
        if in_body and isinstance(request.json_body, list):
            yield f"can't put {name} into a body that is a list; make it a mapping"
        if self.header:
            taken = name.lower() in {header.lower() for header in request.headers}
        else:
            taken = request.has_in_body(name) if in_body else name in request.query
        if taken:
            yield f"sets {name} twice; keep one of them"


class Condition(Place):
    """How a write says which version of the record it is for; with another version, it's a conflict.

    Attributes:
        quoted: Whether the version goes out in double quotes, as an entity tag.
        format: How a time is written, as Python's strftime in UTC; without it, as the provider gave it.
    """

    quoted: bool = False
    format: Annotated[str, Field(min_length=2, max_length=50)] | None = None

    @model_validator(mode="after")
    def _format_is_a_pattern(self) -> Self:
        if self.format and "%" not in self.format:
            raise blame("format", "is no pattern of strftime; write it as '%a, %d %b %Y %H:%M:%S GMT'")
        return self


class GetRequest(Request):
    """Asks for one record.

    Attributes:
        record: Where the answer has it, if elsewhere than the entity's `record` says.
    """

    names = frozenset({"record.id"})
    needed = "record.id"
    method: Literal["GET", "POST"] = "GET"
    record: BodyPath | None = None


class CreateRequest(Request):
    """Makes a record; the provider gives it its id.

    Attributes:
        record: Where the answer has it, if elsewhere than the entity's `record` says.
        id: Where the answer has its id, if it has no more of it; of the header Location, the end of its path.
        idempotency_key: Where the caller's key goes, for APIs that carry out requests of one key once.
    """

    names_in_body = _FIELDS
    default_json = WHOLE_RECORD
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    record: BodyPath | None = None
    id: FieldOrHeader | None = None
    idempotency_key: Place | None = None

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield what does not fit together: the key to blame, and what is wrong with it."""
        yield from super().conflicts()
        if self.id is not None and self.record is not None:
            yield "id", "can't stand beside `record`; keep it only where the answer has no record"
        if self.idempotency_key:
            yield from (("idempotencyKey", each) for each in self.idempotency_key.conflicts_in(self))


class ConditionalRequest(Request):
    """Writes one record that is there, if it still has the version that the caller knows."""

    names = frozenset({"record.id", "record.version"})
    needed = "record.id"
    condition: Condition | None = None

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield what does not fit together: the key to blame, and what is wrong with it."""
        yield from super().conflicts()
        if self.condition:
            yield from (("condition", each) for each in self.condition.conflicts_in(self))

    @property
    def has_version(self) -> bool:
        """True where it tells the provider the record's version."""
        return self.condition is not None or self.uses("record.version")


class UpdateRequest(ConditionalRequest):
    """Changes fields of a record.

    Attributes:
        record: Where the answer has it, if elsewhere than the entity's `record` says.
    """

    names_in_body = _FIELDS
    default_json = WHOLE_RECORD
    method: Literal["PATCH", "PUT", "POST"] = "PATCH"
    record: BodyPath | None = None


class DeleteRequest(ConditionalRequest):
    """Deletes a record."""

    method: Literal["DELETE", "POST", "PUT", "PATCH"] = "DELETE"


class SearchRequest(Request):
    """Asks for records that hold a text.

    Attributes:
        records: Where the answer has its list, if elsewhere than the entity's `records` says.
        max: The most that the API gives at once.
    """

    names = frozenset({"search.text", "search.limit"})
    needed = "search.text"
    method: Literal["GET", "POST"] = "GET"
    records: BodyPath | None = None
    max: Annotated[int, Field(ge=1, le=10_000)] | None = None


class RecordRequests(WireModel):
    """What an entity may have besides its list.

    Attributes:
        record: Where answers have one record; without it, the whole body is the record.
        version: What changes with every change of a record: its field, or a header of the answer.
    """

    record: BodyPath | None = None
    version: FieldOrHeader | None = None
    get: GetRequest | None = None
    create: CreateRequest | None = None
    update: UpdateRequest | None = None
    delete: DeleteRequest | None = None
    search: SearchRequest | None = None

    def record_requests(self) -> dict[Operation, Request]:
        """Return the requests that there are, by their keys."""
        requests: dict[Operation, Request | None] = {
            "get": self.get,
            "create": self.create,
            "update": self.update,
            "delete": self.delete,
            "search": self.search,
        }
        return {name: request for name, request in requests.items() if request is not None}

    def record_conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield what does not fit together: the key to blame, and what is wrong with it."""
        for name, request in self.record_requests().items():
            if not isinstance(request, ConditionalRequest):
                continue
            if request.has_version and self.version is None:
                yield name, "sends the record's version; declare `version`: where records have it"
            if request.condition and request.condition.quoted and _is_entity_tag(self.version):
                yield (
                    f"{name}.condition.quoted",
                    "is not for the header ETag, which has its quotes; remove it",
                )


def _is_entity_tag(version: FieldOrHeader | None) -> bool:
    return isinstance(version, AnswerHeader) and version.header.lower() == "etag"
