"""The OpenAPI 3.1 document, made from the route table and its models, never by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, cast

from pydantic import BaseModel, RootModel
from pydantic.json_schema import models_json_schema

from functions._http import Answer, Call, Route
from functions._problems import ProblemDetails

_REFERENCES = "#/components/schemas/{model}"
_TENANT_HEADER = {
    "name": "X-Tenant-Id",
    "in": "header",
    "description": "Names the tenant, for a super admin or the host platform.",
    "schema": {"type": "string"},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag that you read; a stale one is answered with 412.",
    "schema": {"type": "string"},
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A new one for every request, such as a UUID. For a day, the same request with the same"
    " key is not done again: it gets the first answer, with `Idempotent-Replayed: true`. Another request with"
    " the key is answered with 422, the same one while it is being worked on with 409 and Retry-After."
    " Answers with 429 or 5xx are not kept.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}

JsonObject = dict[str, Any]


class OpenApiDocument(RootModel[JsonObject]):
    """An OpenAPI 3.1 document."""


def route(documented: Sequence[Route]) -> Route:
    """Return the route that answers with the document of these routes and itself."""

    async def openapi(call: Call) -> Answer:
        del call  # the document is the same for everybody
        return Answer(OpenApiDocument(document()))

    own = Route(
        "OpenApi", "GET", "openapi.json", "This document", openapi, None, OpenApiDocument, needs_runtime=False
    )

    @cache
    def document() -> JsonObject:
        return build([*documented, own])

    return own


def build(routes: Sequence[Route]) -> JsonObject:
    """Return the OpenAPI document of a route table."""
    paths: JsonObject = {}
    names, schemas = _schemas(routes)
    for row in routes:
        paths.setdefault(f"/{row.path}", {})[row.method.lower()] = _operation(row, names)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Castiel Integrations", "version": "0.1.0"},
        "servers": [{"url": "/api"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


_PAGE: JsonObject = {"text/html": {"schema": {"type": "string"}}}

Names = dict[Any, JsonObject]


def _schemas(routes: Iterable[Route]) -> tuple[Names, JsonObject]:
    """Return a reference for each model, and the schemas that they refer to."""
    models: dict[type[BaseModel], str] = {ProblemDetails: "serialization"}
    for row in routes:
        if row.answer:
            models[row.answer] = "serialization"
        if row.body:
            models.setdefault(row.body, "validation")
    inputs = cast("Any", list(models.items()))
    references, definitions = models_json_schema(inputs, ref_template=_REFERENCES)
    return {model: schema for (model, _), schema in references.items()}, definitions["$defs"]


def _operation(row: Route, names: Names) -> JsonObject:
    operation: JsonObject = {
        "operationId": row.name,
        "summary": row.summary,
        "parameters": [*_path_parameters(row), *_query_parameters(row)],
        "responses": {
            str(row.status.value): _success(row, names),
            "default": _error(row, names),
        },
        "security": [] if row.roles is None else [{"bearer": []}],
    }
    if row.roles is not None:
        operation["description"] = f"Roles: {', '.join(sorted(row.roles))}."
        operation["parameters"].append(_TENANT_HEADER)
    if row.takes_if_match:
        operation["parameters"].append(_IF_MATCH)
    if row.takes_key:
        operation["parameters"].append(_IDEMPOTENCY_KEY)
    if row.body:
        required = any(field.is_required() for field in row.body.model_fields.values())
        operation["requestBody"] = {"required": required, "content": _json(names[row.body])}
    return operation


def _success(row: Route, names: Names) -> JsonObject:
    success: JsonObject = {"description": HTTPStatus(row.status).phrase}
    if row.answer:
        success["content"] = _json(names[row.answer])
    if row.answers_with_page:
        success["content"] = _PAGE
    return success


def _error(row: Route, names: Names) -> JsonObject:
    problem: JsonObject = {"application/problem+json": {"schema": names[ProblemDetails]}}
    return {"description": "An error", "content": _PAGE if row.answers_with_page else problem}


def _path_parameters(row: Route) -> list[JsonObject]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", row.path)
    ]


def _query_parameters(row: Route) -> list[JsonObject]:
    properties = row.query.model_json_schema(mode="validation").get("properties", {})
    return [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in properties.items()
    ]


def _json(schema: JsonObject) -> JsonObject:
    return {"application/json": {"schema": schema}}
