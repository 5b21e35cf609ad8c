"""One row of the tables of wrong requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shared.domain.caller import Role
from tests.unit.functions.test_api import MAPPING

Errors = list[tuple[str, str]]
NOT_VALID = "The body is not valid."


@dataclass(frozen=True, slots=True)
class Bad:
    """A request, and the answer to it. `{id}` in the path is a disabled integration of the tenant."""

    method: str
    path: str
    body: Any
    status: int
    code: str
    detail: str
    errors: Errors = field(default_factory=list)
    role: Role | None = Role.TENANT_ADMIN
    tenant: str | None = "acme"
    headers: dict[str, str] = field(default_factory=dict)


def mapped(**field: Any) -> dict[str, Any]:
    mapping = {**MAPPING, "fields": [{"externalField": "a", "shardField": "b", **field}]}
    return {"entityMappings": [mapping]}
