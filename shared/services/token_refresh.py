"""Refreshing access tokens: once for all who want one, and without losing what a refresh brings.

A refresh token may be good for one request only, and using it twice can end the whole grant. So one process
at a time refreshes a connection; it reads what is stored when its turn has come; it marks the connection
before it asks; and a new refresh token is stored before anybody has the access token that came with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from shared.domain.connection import Connection, token_lease
from shared.domain.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    IntegrationError,
    LeaseHeldError,
    StopError,
    UnavailableError,
)
from shared.domain.integration import Integration
from shared.domain.provider import Provider
from shared.ports.clock import Clock
from shared.ports.token_source import AccessToken, TokenEndpoint, TokenGrant
from shared.repositories.connections import ConnectionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.resilience.lease import POLL_SECONDS, Lease, Leases
from shared.resilience.retry import Retry
from shared.services.background import Undertakings
from shared.services.connection_states import ConnectionStates
from shared.services.credentials import REFRESH_TOKEN, CredentialVault
from shared.services.grant_vault import GrantVault
from shared.services.refresh_mark import REQUEST_SECONDS, Marked, RefreshMarks
from shared.services.shared_tokens import Present, SharedTokens
from shared.services.token_cache import HeldToken
from shared.telemetry.logs import get_logger

PATIENCE_SECONDS = REQUEST_SECONDS
"""How long to wait for another process that refreshes the same connection: the time-out of its request."""

T = TypeVar("T")
_log = get_logger("tokens")


@dataclass(frozen=True, slots=True)
class Target:
    """Whose token, and where it is asked for."""

    connection: Connection
    integration: Integration
    provider: Provider
    endpoint: TokenEndpoint


@dataclass(frozen=True, slots=True)
class RefreshStores:
    """What a refresh reads and writes.

    Attributes:
        vault: The integrations' client credentials.
        grants: The connections' refresh tokens.
        tokens: The access tokens that all instances share.
        connections, integrations: Their documents, which say which versions count.
    """

    vault: CredentialVault
    grants: GrantVault
    tokens: SharedTokens
    connections: ConnectionRepository
    integrations: IntegrationRepository


@dataclass(frozen=True, slots=True)
class _Job:
    """What is wanted; with a `candidate`, nothing but to try these client credentials."""

    target: Target
    rejected: AccessToken | None = None
    at_least_seconds: float = 0.0
    candidate: Mapping[str, str] | None = field(default=None, repr=False)


class _OvertakenError(Exception):
    """Somebody else has refreshed or reconnected while our request was under way."""


class TokenRefresh:
    """Gets access tokens for connections.

    What has begun goes on when the caller is cancelled: its answer may not come a second time.

    Args:
        stores: What it reads and writes.
        states: Notes what became of it.
        leases: Let one process at a time refresh a connection.
        saving: Tries again to store what an answer brought, for longer than other things: it is the only one.
        clock: Time.
    """

    def __init__(
        self, stores: RefreshStores, states: ConnectionStates, leases: Leases, saving: Retry, clock: Clock
    ) -> None:
        self._of = stores
        self._states = states
        self._leases = leases
        self._saving = saving
        self._clock = clock
        self._marks = RefreshMarks(stores.connections, clock)
        self._undertakings = Undertakings()

    async def token(
        self, target: Target, rejected: AccessToken | None = None, at_least_seconds: float = 0.0
    ) -> HeldToken:
        """Return a token that is good now: the one that another process has got, or else a new one.

        Args:
            target: Whose.
            rejected: One that the provider does not accept; another is wanted.
            at_least_seconds: How long it should live. A new one is returned however short it lives.

        Raises:
            CredentialsRejectedError: The connection is over, or the provider says so now.
            ConfigurationError, AccessDeniedError: It does not accept us as a client or what we send, or the
                integration or its connection was deleted.
            ProviderContractError: Its answer is none of an authorisation server.
            RetryableError: It does not answer just now, or another process takes too long. A token stored
                before may still live; see `living`.
        """
        return await self._to_its_end(_Job(target, rejected, at_least_seconds))

    async def try_client(self, target: Target, values: Mapping[str, str]) -> None:
        """Refresh with other client credentials than the integration's, and keep what comes of it.

        A failure says something about `values` and is noted nowhere.

        Raises:
            What `token` does.
        """
        await self._to_its_end(_Job(target, None, math.inf, values))

    async def living(self, target: Target, rejected: AccessToken | None = None) -> HeldToken | None:
        """Return the stored token if it lives, though it should be renewed. Raises RetryableError."""
        return await self._of.tokens.living(await self._present(target), rejected)

    async def close(self) -> None:
        """Wait until what has begun is stored."""
        await self._undertakings.settle()

    async def _to_its_end(self, job: _Job) -> HeldToken:
        return await self._undertakings.carry_out(self._token(job), "refresh an access token")

    async def _token(self, job: _Job) -> HeldToken:
        if held := await self._shared(job, await self._present(job.target)):
            return held
        _log.debug("phase turn")
        async with job.target.endpoint.turn(), AsyncExitStack() as stack:
            found = await self._lease_or_token(job, stack)
            if isinstance(found, HeldToken):
                return found
            try:
                return await self._refreshed(job, found)
            except _OvertakenError:
                found.check()
                return await self._refreshed(job, found, is_last=True)
            finally:
                _log.debug("phase release")

    async def _lease_or_token(self, job: _Job, stack: AsyncExitStack) -> Lease | HeldToken:
        """Wait for the lease, or for the token that its holder has got."""
        connection = job.target.connection
        deadline = self._clock.monotonic() + PATIENCE_SECONDS
        _log.debug("phase lease")
        while True:
            hold = self._leases.hold(connection.tenant_id, token_lease(connection.id))
            try:
                return await stack.enter_async_context(hold)
            except LeaseHeldError:
                if self._clock.monotonic() >= deadline:
                    raise
            await self._clock.sleep(POLL_SECONDS)
            if held := await self._shared(job, await self._present(job.target)):
                return held

    async def _present(self, target: Target) -> Present:
        tenant_id = target.connection.tenant_id
        integration = await self._of.integrations.find(tenant_id, target.integration.id)
        if integration is None:
            raise ConfigurationError("The integration was deleted.")
        connection = await self._of.connections.find(tenant_id, target.connection.id)
        if connection is None:
            raise ConfigurationError("The connection was deleted; connect the integration again.")
        connection.require_usable()
        return Present(connection, integration)

    async def _shared(self, job: _Job, present: Present) -> HeldToken | None:
        if job.candidate is not None:
            return None
        return await self._of.tokens.good(present, job.rejected, job.at_least_seconds)

    async def _refreshed(self, job: _Job, lease: Lease, *, is_last: bool = False) -> HeldToken:
        """Refresh under the lease, unless somebody else has by now.

        Raises:
            _OvertakenError: Another refresh or a reconnect has won meanwhile; not with `is_last`.
        """
        _log.debug("phase reread")
        present = await self._present(job.target)
        if held := await self._shared(job, present):
            return held
        self._marks.require_free(present.connection, lease.fencing_token)
        try:
            present = await self._with_rotation(job, present)
            values = await self._values(job, present)
        except StopError as error:
            await self._note(job, present, error)
            raise
        lease.check()
        _log.debug("phase mark")
        marked = await self._marks.set(present.connection, lease.fencing_token)
        present = Present(marked.connection, present.integration)
        grant = await self._asked(job, present, marked, values, is_last=is_last)
        rotated = grant.refresh_token if grant.refresh_token != values.get(REFRESH_TOKEN) else None
        return await self._kept(present, marked, grant, rotated if _consumes(job) else None)

    async def _asked(
        self, job: _Job, present: Present, marked: Marked, values: Mapping[str, str], *, is_last: bool
    ) -> TokenGrant:
        """Send the request, once."""
        seconds = self._marks.seconds_left(marked)
        _log.debug("phase request")
        try:
            grant = await job.target.endpoint.request(values, seconds)
        except CredentialsRejectedError as error:
            if not is_last and await self._is_overtaken(job, present.connection):
                _log.info("A refresh was overtaken by another")
                raise _OvertakenError from None
            await self._note(job, present, error, marked)
            raise
        except IntegrationError as error:
            await self._note(job, present, error, marked)
            raise
        _log.debug("phase answer")
        return grant

    async def _kept(
        self, present: Present, marked: Marked, grant: TokenGrant, rotated: str | None
    ) -> HeldToken:
        """Store what an answer has brought, the refresh token first.

        That is done even if the lease was lost: it may be the only good one.
        """
        connection, version = present.connection, present.connection.secret_version
        if rotated is not None:
            _log.debug("phase secret")
            version = await self._saving.call(lambda: self._of.grants.rotate(connection, rotated))
        _log.debug("phase connection")
        stored = await self._saving.call(lambda: self._states.refreshed(marked, grant, version))
        if stored is None:
            raise UnavailableError("The connection was replaced at this moment; try again.")
        after = Present(stored, present.integration)
        _log.debug("phase token")
        await self._keep(after, grant, marked)
        _log.info("A new access token", extra={"metadata": {"connectionId": connection.id}})
        return HeldToken.of(grant, after.versions, marked.started)

    async def _keep(self, after: Present, grant: TokenGrant, marked: Marked) -> None:
        """Share the access token. Failing to costs the others a refresh, and nobody a grant."""
        try:
            await self._of.tokens.keep(after, grant, marked.asked_at, marked.fencing_token)
        except IntegrationError as error:
            _log.warning("A new access token could not be shared", exc_info=error)

    async def _with_rotation(self, job: _Job, present: Present) -> Present:
        """Return what is stored, with the refresh token that a crash kept the connection from naming."""
        if not _consumes(job):
            return present
        version = await self._of.grants.unnamed_rotation(present.connection)
        if version is None:
            return present
        return Present(present.connection.changed(secret_version=version), present.integration)

    async def _values(self, job: _Job, present: Present) -> Mapping[str, str]:
        """Return what to send: the client's credentials, and the connection's refresh token."""
        client = job.candidate
        if client is None:
            try:
                client = (await self._of.vault.of(present.integration, job.target.provider)).values
            except CredentialsRejectedError as error:  # of the client, which is not the grant that is gone
                raise ConfigurationError(str(error)) from None
        if not _consumes(job):
            return client
        return {**client, REFRESH_TOKEN: await self._of.grants.get(present.connection)}

    async def _is_overtaken(self, job: _Job, sent: Connection) -> bool:
        """Whether a refresh token has been stored since that the request could not know of."""
        now = (await self._present(job.target)).connection
        if (now.secret_version, now.fencing_token) != (sent.secret_version, sent.fencing_token):
            return True
        return _consumes(job) and await self._of.grants.unnamed_rotation(now) is not None

    async def _note(
        self, job: _Job, present: Present, error: IntegrationError, marked: Marked | None = None
    ) -> None:
        """Note why there is no token; that this fails too does not hide the reason."""
        try:
            if job.candidate is None:
                await self._states.failed(present.connection, present.integration, error)
            elif marked:
                await self._marks.clear(marked)
        except IntegrationError as trouble:
            _log.warning("A failed refresh could not be noted", exc_info=trouble)


def _consumes(job: _Job) -> bool:
    return job.target.endpoint.consumes_refresh_token
