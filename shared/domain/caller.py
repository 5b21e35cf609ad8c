"""Who calls, and what the guide's permission matrix lets them do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """The platform's roles (guide, "Role-Based Permissions Matrix"); `service` is the platform itself."""

    SUPER_ADMIN = "super_admin"
    TENANT_ADMIN = "tenant_admin"
    USER = "user"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller. `tenant_id` is None for a super admin or service that named no tenant."""

    user_id: str
    tenant_id: str | None
    roles: frozenset[Role]
