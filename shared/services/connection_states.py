"""What becomes of a connection, and of its integration, when its tokens are refreshed or can't be.

One blip of a provider disconnects nobody: only the provider's word that the grant is gone ends a connection,
and what fails for the moment counts when the last access token has expired (the guide's corrections).
"""

from __future__ import annotations

import contextlib
from datetime import timedelta

from shared.domain.connection import MAX_MESSAGE, Connection, ConnectionFailure, ConnectionStatus
from shared.domain.errors import IntegrationError, StaleWriteError, UnavailableError
from shared.domain.integration import DisabledBecause, Integration, IntegrationStatus
from shared.ports.clock import Clock
from shared.ports.token_source import TokenGrant
from shared.repositories.connections import ConnectionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.services.connection_notices import FailureKind, Notice, kind_of, notification
from shared.services.insisting import insist
from shared.services.notifications import Notifications
from shared.services.refresh_mark import Marked
from shared.telemetry.logs import get_logger

_TRIES = 5
_USELESS = frozenset({ConnectionStatus.REVOKED, ConnectionStatus.EXPIRED})
_log = get_logger("tokens")


class ConnectionStates:
    """Notes successes and failures. Every method is idempotent, wherever the one before has died.

    Args:
        connections, integrations: Their documents.
        notifications: Tell the tenant.
        clock: Time.
    """

    def __init__(
        self,
        connections: ConnectionRepository,
        integrations: IntegrationRepository,
        notifications: Notifications,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._integrations = integrations
        self._notifications = notifications
        self._clock = clock

    async def refreshed(
        self, marked: Marked, grant: TokenGrant, secret_version: str | None
    ) -> Connection | None:
        """Note a new token, and activate the integration again if the connection was why it is not.

        Args:
            marked: The connection as the refresh has marked it.
            grant: The answer.
            secret_version: Of the refresh token from now on.

        Returns:
            The connection as it is now; None where it has been reconnected, disconnected or deleted.

        Raises:
            UnavailableError: The store does not answer, or others write all the time.
        """
        before = marked.connection
        known = {before.secret_version, secret_version}
        present: Connection | None = before
        for _ in range(_TRIES):
            if present is None or present.status is ConnectionStatus.DISCONNECTED:
                return None
            if present.secret_version not in known:
                return None
            if present.fencing_token > marked.fencing_token and secret_version == before.secret_version:
                return present  # a later refresh has brought a later token
            with contextlib.suppress(StaleWriteError):
                stored = await self._connections.replace(
                    self._after_success(present, marked, grant, secret_version)
                )
                await self.connected(stored)
                return stored
            present = await self._connections.find(before.tenant_id, before.id)
        raise UnavailableError("The connection is being changed by others just now; try again.")

    async def failed(
        self, connection: Connection, integration: Integration, error: IntegrationError
    ) -> Connection:
        """Note why a refresh failed; return the connection as it is now.

        The connection is written last: whatever a crash leaves out before, the next failure does again.

        Args:
            connection: As it was when the request was sent.
            integration: Its integration.
            error: CredentialsRejectedError is permanent. ConfigurationError and AccessDeniedError are for
                somebody here to mend, and disable nothing. Anything else passes by itself.
        """
        kind = kind_of(error)
        status = self._status_after(connection, kind)
        metadata = {"connectionId": connection.id, "kind": kind, "code": error.code, "status": status.value}
        _log.warning("A connection could not be refreshed", extra={"metadata": metadata})
        notice = Notice.of(kind, status)
        await self._notifications.tell(notification(notice, connection, integration, self._clock.now()))
        if status in _USELESS and connection.user_id is None:
            await self._disable(connection, notice.code)
        stored = await self._noted(connection, self._failure(connection, kind, error), status, integration)
        if stored.status is ConnectionStatus.ACTIVE and status in _USELESS:
            await self.connected(stored)  # somebody else has won meanwhile
        return stored

    async def connected(self, connection: Connection) -> None:
        """Activate the integration again if it is disabled because of this connection, by no person.

        Raises:
            UnavailableError: The store does not answer, or others write all the time.
        """

        async def attempt() -> None:
            integration = await self._integrations.find(connection.tenant_id, connection.integration_id)
            reason = integration.disabled_because if integration else None
            if integration is None or reason is None or reason.connection_id != connection.id:
                return
            now = self._clock.now()
            await self._integrations.replace(
                integration.changed(status=IntegrationStatus.ACTIVE, disabled_because=None, updated_at=now)
            )
            _log.info("An integration is active again")

        await insist(attempt)

    async def _disable(self, connection: Connection, code: str) -> None:
        """Disable the integration, unless it is already, by whomever."""
        now = self._clock.now()
        reason = DisabledBecause(code=code, connection_id=connection.id, at=now)

        async def attempt() -> None:
            integration = await self._integrations.find(connection.tenant_id, connection.integration_id)
            if integration is None or integration.status is not IntegrationStatus.ACTIVE:
                return
            disabled = integration.changed(
                status=IntegrationStatus.DISABLED, disabled_because=reason, updated_at=now
            )
            await self._integrations.replace(disabled)

        await insist(attempt)

    def _after_success(
        self, present: Connection, marked: Marked, grant: TokenGrant, secret_version: str | None
    ) -> Connection:
        lifetime = grant.lifetime_seconds
        mark = present.refresh
        is_ours = mark is None or mark.fencing_token <= marked.fencing_token
        return present.changed(
            status=ConnectionStatus.ACTIVE,
            secret_version=secret_version,
            client_version=marked.connection.client_version,
            scopes_granted=present.scopes_granted if grant.scopes is None else grant.scopes,
            expires_at=None if lifetime is None else marked.asked_at + timedelta(seconds=lifetime),
            refreshed_at=self._clock.now(),
            refresh=None if is_ours else mark,
            fencing_token=max(present.fencing_token, marked.fencing_token),
            failure=None,
            updated_at=self._clock.now(),
        )

    def _status_after(self, connection: Connection, kind: FailureKind) -> ConnectionStatus:
        if kind == "permanent":
            return ConnectionStatus.REVOKED
        expires_at = connection.expires_at
        if kind == "transient" and expires_at is not None and expires_at <= self._clock.now():
            return ConnectionStatus.EXPIRED
        return connection.status

    def _failure(
        self, connection: Connection, kind: FailureKind, error: IntegrationError
    ) -> ConnectionFailure:
        since = connection.failure.since if connection.failure else self._clock.now()
        return ConnectionFailure(kind=kind, code=error.code, message=str(error)[:MAX_MESSAGE], since=since)

    async def _noted(
        self,
        connection: Connection,
        failure: ConnectionFailure,
        status: ConnectionStatus,
        integration: Integration,
    ) -> Connection:
        """Store a failure, unless somebody else has succeeded or ended the connection since."""
        present = connection
        for _ in range(_TRIES):
            mark = present.refresh
            noted = present.changed(
                status=status,
                failure=failure,
                refresh=None if mark == connection.refresh else mark,
                client_version=integration.credential_version,
                updated_at=self._clock.now(),
            )
            with contextlib.suppress(StaleWriteError):
                return await self._connections.replace(noted)
            found = await self._connections.find(connection.tenant_id, connection.id)
            if found is None or _has_moved_on(connection, found):
                return found or connection
            present = found
        raise UnavailableError("The connection is being changed by others just now; try again.")


def _has_moved_on(before: Connection, now: Connection) -> bool:
    if now.status is ConnectionStatus.DISCONNECTED:
        return True
    return (now.secret_version, now.fencing_token) != (before.secret_version, before.fencing_token)
