"""The request that lists records, and how many of them a page may have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.adapters.rest.notation import Location, Name, Parameter
from shared.adapters.rest.requests import Request


class ListRequest(Request):
    """The request for the first page. Parameters with `in: body` are added to the body of a POST."""

    method: Literal["GET", "POST"] = "GET"
    json_body: dict[str, Any] | None = Field(default=None, alias="json")
    form: dict[Name, str] | None = None


class PageSize(Parameter):
    """The parameter that asks for a number of records, and the largest that the API admits."""

    max: Annotated[int, Field(ge=1, le=10_000)]


def parameters_of(parts: Sequence[object]) -> Iterator[tuple[Location, str]]:
    """Yield the parameters that parts of an entity add to its requests, each with the place where it goes."""
    for part in parts:
        parameter = getattr(part, "parameter", None)
        if part and parameter:
            yield getattr(part, "location", "query"), parameter


def request_conflicts(request: ListRequest, parameters: Sequence[tuple[Location, str]]) -> Iterator[str]:
    """Yield what keeps parameters from being added to a request."""
    in_query = [*request.query, *(name for location, name in parameters if location == "query")]
    if repeated := sorted({name for name in in_query if in_query.count(name) > 1}):
        yield f"sets the parameter {', '.join(repeated)} twice; keep one of them"
    in_body = [name for location, name in parameters if location == "body"]
    if in_body and request.method == "GET":
        yield "has a parameter `in: body`, but a GET has no body; add `method: POST`"
    clashes = {
        name
        for name in in_body
        if in_body.count(name) > 1
        or any(other.startswith(f"{name}.") for other in in_body)
        or request.has_in_body(name)
    }
    if clashes:
        yield f"sets {', '.join(sorted(clashes))} in the body twice; keep one of them"
