"""Replacing an integration's keys by new ones, and going back.

Nothing changes before the new ones have worked at the provider. From then on the former version is disabled,
and kept so that a rollback can enable it again (guide, "Manual Credential Rotation"; the order is that of the
corrections: tested first, then changed, then the old one disabled).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from shared.domain.errors import (
    InvalidRequestError,
    InvalidStateError,
    RetryableError,
    StaleWriteError,
    StopError,
    UnavailableError,
)
from shared.domain.integration import Integration
from shared.domain.provider import Provider
from shared.ports.adapter import AdapterSource, Credentials
from shared.ports.clock import Clock
from shared.ports.token_source import AccessToken, TokenEndpoint, TokenSource
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.providers import ProviderRepository
from shared.resilience.lease import Leases
from shared.services.connection_test import ConnectionReport, ConnectionTester, Outcome, StepName
from shared.services.credentials import CredentialVault, CredentialVersion, StoredVersion
from shared.telemetry.logs import get_logger

ROLLBACK_DAYS = 30
"""How long a former version can be gone back to (the guide's corrections)."""

_TRIES = 5
_log = get_logger("credentials")


class ClientTrial(Protocol):
    """Tries the credentials of a client."""

    async def try_client(
        self, integration: Integration, provider: Provider, values: Mapping[str, str]
    ) -> None:
        """Refresh the tenant's connection with these credentials of the client; what rotates is kept.

        Raises:
            StopError: The provider does not take them, or the tenant is not connected.
            RetryableError: The provider does not answer now.
        """
        ...


class CredentialRotation:
    """Rotates credentials that people enter: keys, passwords, client secrets.

    One rotation of an integration at a time. It begins with disabling whatever a crash of the one before has
    left enabled. The secret of a client whose users sign in is tried by a refresh of the tenant's connection.

    Args:
        integrations, providers: Where the documents are.
        vault: Has the versions.
        adapters: Know which providers have a token endpoint.
        tester: Tries the new credentials.
        clients: Tries a client's by a refresh.
        leases: Keep rotations apart.
        clock: Time.
    """

    def __init__(
        self,
        integrations: IntegrationRepository,
        providers: ProviderRepository,
        vault: CredentialVault,
        adapters: AdapterSource,
        tester: ConnectionTester,
        clients: ClientTrial,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._integrations = integrations
        self._providers = providers
        self._vault = vault
        self._adapters = adapters
        self._tester = tester
        self._clients = clients
        self._leases = leases
        self._clock = clock

    async def rotate(
        self, tenant_id: str, integration_id: str, values: Mapping[str, str], actor: str
    ) -> CredentialVersion:
        """Store new credentials, try them, use them, and disable the former ones.

        Raises:
            NotFoundError: The tenant has no such integration.
            InvalidStateError: It has no credentials yet.
            InvalidRequestError: They are not what the provider asks for, or it does not accept them.
            UnavailableError: They could not be tried just now. In every case nothing has changed.
            LeaseHeldError: Another rotation is under way.
        """
        async with self._leases.hold(tenant_id, f"credentials.{integration_id}"):
            change = await self._begin(tenant_id, integration_id)
            _, stored = await self._vault.put(change.integration, change.provider, values, actor)
            await self._try(change, stored.version)
            await self._switch(change.integration, stored.version)
        _log.info("Credentials were rotated", extra={"metadata": {"version": stored.version, "actor": actor}})
        return stored

    async def rollback(self, tenant_id: str, integration_id: str, actor: str) -> CredentialVersion:
        """Go back to the version before the present one, after it has worked at the provider.

        Raises:
            InvalidStateError: There is none, or it was replaced more than 30 days ago.
            And what `rotate` raises; nothing has changed then.
        """
        async with self._leases.hold(tenant_id, f"credentials.{integration_id}"):
            change = await self._begin(tenant_id, integration_id)
            former = self._former(change.integration, await self._vault.versions(change.integration))
            await self._vault.set_enabled(change.integration, former.version, enabled=True)
            await self._try(change, former.version)
            await self._switch(change.integration, former.version)
        _log.info(
            "Credentials were rolled back", extra={"metadata": {"version": former.version, "actor": actor}}
        )
        return CredentialVersion(version=former.version, created_at=former.created_at)

    async def versions(self, tenant_id: str, integration_id: str) -> Sequence[StoredVersion]:
        """Return what is stored, newest first, without any value. Raises NotFoundError."""
        return await self._vault.versions(await self._integrations.get(tenant_id, integration_id))

    async def _begin(self, tenant_id: str, integration_id: str) -> _Change:
        integration = await self._integrations.get(tenant_id, integration_id)
        if integration.credential_version is None:
            raise InvalidStateError("The integration has no credentials yet; set them first.")
        provider = await self._providers.get(integration.provider_category, integration.provider_id)
        endpoint = self._adapters.token_endpoint(provider, integration)
        await self._vault.disable_others(integration)
        return _Change(integration, provider, endpoint)

    async def _try(self, change: _Change, version: str) -> None:
        """Return when a version works; else disable it and raise."""
        if change.endpoint and change.endpoint.consumes_refresh_token:
            await self._try_client(change, version)
            return
        report = await self._tester.report(change.integration, change.provider, self._opened(change, version))
        failed = next((step for step in report.steps if step.outcome is Outcome.FAILED), None)
        if failed is None or failed.name is StepName.PERFORMANCE:
            return
        await self._vault.set_enabled(change.integration, version, enabled=False)
        if failed.name is StepName.CONNECTIVITY:
            raise UnavailableError(
                f"The credentials could not be tried: {failed.message} Nothing was changed."
            )
        raise InvalidRequestError(_refused(report))

    async def _try_client(self, change: _Change, version: str) -> None:
        candidate = change.integration.changed(credential_version=version)
        values = (await self._vault.of(candidate, change.provider)).values
        try:
            await self._clients.try_client(change.integration, change.provider, values)
        except RetryableError as error:
            await self._vault.set_enabled(change.integration, version, enabled=False)
            raise UnavailableError(
                f"The credentials could not be tried: {error} Nothing was changed."
            ) from None
        except StopError as error:
            await self._vault.set_enabled(change.integration, version, enabled=False)
            raise InvalidRequestError(
                f"The provider does not take these credentials: {error} Nothing was changed."
            ) from None

    def _opened(self, change: _Change, version: str) -> Callable[[], Awaitable[Credentials]]:
        async def opened() -> Credentials:
            candidate = change.integration.changed(credential_version=version)
            credentials = await self._vault.of(candidate, change.provider)
            if change.endpoint is None:
                return credentials
            return Credentials(tokens=_Asked(change.endpoint, credentials.values))

        return opened

    async def _switch(self, integration: Integration, version: str) -> None:
        """Let the integration use another version, and disable the one that it used."""
        before = integration.credential_version
        present = integration
        for _ in range(_TRIES):
            if present.credential_version != before:
                raise InvalidStateError("The credentials were changed by somebody else just now.")
            try:
                switched = await self._integrations.replace(
                    present.changed(
                        credential_version=version,
                        former_credential_version=before,
                        rotated_at=self._clock.now(),
                        revision=present.revision + 1,
                        updated_at=self._clock.now(),
                    )
                )
            except StaleWriteError:
                present = await self._integrations.get(integration.tenant_id, integration.id)
            else:
                await self._vault.disable_others(switched)
                return
        raise UnavailableError("The integration is being changed by others just now; try again.")

    def _former(self, integration: Integration, versions: Sequence[StoredVersion]) -> StoredVersion:
        named = {stored.version: stored for stored in versions}
        former = named.get(integration.former_credential_version or "")
        if former is None or integration.rotated_at is None:
            raise InvalidStateError("There is no version to go back to.")
        if self._clock.now() - integration.rotated_at > timedelta(days=ROLLBACK_DAYS):
            raise InvalidStateError(
                f"The former version was replaced more than {ROLLBACK_DAYS} days ago; rotate instead."
            )
        return former


@dataclass(frozen=True, slots=True)
class _Change:
    integration: Integration
    provider: Provider
    endpoint: TokenEndpoint | None


class _Asked(TokenSource):
    """Asks for a token each time: a test needs one."""

    def __init__(self, endpoint: TokenEndpoint, values: Mapping[str, str]) -> None:
        self._endpoint = endpoint
        self._values = values

    async def token(self) -> AccessToken:
        return (await self._endpoint.request(self._values)).access_token

    async def renew(self, rejected: AccessToken) -> AccessToken:  # noqa: ARG002 - any other will do
        return await self.token()


def _refused(report: ConnectionReport) -> str:
    failed = next(step for step in report.steps if step.outcome is Outcome.FAILED)
    return f"The provider does not take these credentials: {failed.message} Nothing was changed."
