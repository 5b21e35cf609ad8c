"""What a tenant is told when a connection can't be refreshed, and how failures are told apart."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self

from shared.domain.connection import Connection, ConnectionStatus
from shared.domain.errors import (
    AccessDeniedError,
    ConfigurationError,
    CredentialsRejectedError,
    IntegrationError,
)
from shared.domain.integration import Integration
from shared.domain.model import rfc3339
from shared.domain.notification import Notification, Severity

FailureKind = Literal["permanent", "transient", "configuration"]


@dataclass(frozen=True, slots=True)
class Notice:
    """A kind of notification; `{name}` stands for the integration's."""

    code: str
    severity: Severity
    text: str

    @classmethod
    def of(cls, kind: FailureKind, status: ConnectionStatus) -> Self:
        """Return what to tell after a failure that has left the connection in this state."""
        if kind == "permanent":
            return cls(
                "connection.revoked",
                Severity.CRITICAL,
                "The provider no longer accepts the connection of {name}. Connect it again.",
            )
        if kind == "configuration":
            return cls(
                "connection.misconfigured",
                Severity.CRITICAL,
                "The connection of {name} can't be refreshed, because the provider refuses the client or the "
                "request. Correct the credentials or the settings; nobody has to connect again.",
            )
        if status is ConnectionStatus.EXPIRED:
            return cls(
                "connection.expired",
                Severity.CRITICAL,
                "The connection of {name} has expired and could not be refreshed so far. It is tried again "
                "every hour, and goes on by itself once the provider answers.",
            )
        return cls(
            "connection.refresh_failing",
            Severity.WARNING,
            "The connection of {name} could not be refreshed for the moment. It still works, and is tried "
            "again.",
        )


def kind_of(error: IntegrationError) -> FailureKind:
    """Tell a failure's kind. What is not known for certain to last counts as transient."""
    if isinstance(error, CredentialsRejectedError):
        return "permanent"
    if isinstance(error, ConfigurationError | AccessDeniedError):
        return "configuration"
    return "transient"


def notification(
    notice: Notice, connection: Connection, integration: Integration, now: datetime
) -> Notification:
    """Return the notification. Its id stays the same until the next success, reconnect or new credentials.

    So it is told once, also by a process that comes after one that died before it could note the failure.
    """
    last_success = connection.refreshed_at or connection.connected_at
    about = (
        connection.id,
        notice.code,
        connection.secret_version,
        integration.credential_version,
        rfc3339(last_success),
    )
    return Notification(
        id=hashlib.blake2b(json.dumps(about).encode(), digest_size=16).hexdigest(),
        tenant_id=connection.tenant_id,
        severity=notice.severity,
        code=notice.code,
        message=notice.text.format(name=f"{integration.name} ({integration.id})"),
        integration_id=integration.id,
        connection_id=connection.id,
        user_id=connection.user_id,
        created_at=now,
        updated_at=now,
    )
