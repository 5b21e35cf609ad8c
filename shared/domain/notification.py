"""Notifications: what tenants and the host platform are told, once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from shared.domain.model import Id, StoredModel


class Severity(StrEnum):
    """How soon somebody should look (guide, "Error Notification Channels")."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Notification(StoredModel):
    """One thing told. Its id is made of what it is about, so that telling it again is noticed."""

    tenant_id: Id
    severity: Severity
    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,99}$")]
    message: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    integration_id: Id | None = None
    connection_id: Id | None = None
    user_id: Id | None = None
