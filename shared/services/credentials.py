"""Credentials of integrations: keys, passwords and refresh tokens in the secret store, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.domain.errors import (
    CredentialsRejectedError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    Problem,
)
from shared.domain.integration import Integration
from shared.domain.model import Timestamp, WireModel
from shared.domain.provider import Provider
from shared.domain.secret_names import credential_secret_name
from shared.ports.adapter import NO_CREDENTIALS, AdapterSource, Credentials
from shared.ports.clock import Clock
from shared.ports.secrets import Secret, SecretStore

CACHE_SECONDS = 300.0
"""How long a secret is remembered (guide, "Credential Caching")."""

MAX_CACHED = 1000

REFRESH_TOKEN = "refreshToken"  # noqa: S105 - the credential's name
"""Comes from connecting, and is kept with the connection (`grant_vault`), also where somebody enters it."""


class CredentialVersion(WireModel):
    """What may be told about stored credentials."""

    version: str
    created_at: Timestamp


class StoredVersion(CredentialVersion):
    """One version among others, without its value.

    Attributes:
        enabled: A disabled one can't be read.
        current: Whether it is the one in use.
        actor: Who stored it.
    """

    enabled: bool
    current: bool
    actor: str


@dataclass(frozen=True, slots=True)
class _Cached:
    credentials: Credentials
    until: float


class CredentialSource(Protocol):
    """Has what adapters sign in with."""

    async def of(self, integration: Integration, provider: Provider) -> Credentials:
        """Return an integration's credentials.

        Raises:
            CredentialsRejectedError: The provider asks for some, and none are stored or they are disabled.
            UnavailableError: The secret store does not answer.
        """
        ...


class CredentialVault:
    """Puts credentials into the secret store and gets them for adapters.

    Args:
        open_secrets: Opens the secret store at its first use.
        adapters: Tell which credentials a provider asks for.
        clock: Time.
    """

    def __init__(
        self, open_secrets: Callable[[], Awaitable[SecretStore]], adapters: AdapterSource, clock: Clock
    ) -> None:
        self._open_secrets = open_secrets
        self._adapters = adapters
        self._clock = clock
        self._cache: dict[tuple[str, str], _Cached] = {}

    async def put(
        self, integration: Integration, provider: Provider, values: Mapping[str, str], actor: str
    ) -> tuple[str, CredentialVersion]:
        """Store credentials as a new version of the integration's secret; return its name and version.

        A refresh token among the values is not stored here.

        Raises:
            InvalidRequestError: Not exactly what the provider asks for; names the fields, never a value.
        """
        self._check(provider, values)
        name = integration.credential_secret_name or credential_secret_name(
            integration.tenant_id, integration.id, provider.id
        )
        entered = {key: value for key, value in values.items() if key != REFRESH_TOKEN}
        secrets = await self._open_secrets()
        await secrets.recover(name)
        stored = await secrets.set(name, json.dumps(entered), {"actor": actor})
        return name, CredentialVersion(version=stored.version, created_at=stored.created_at)

    async def of(self, integration: Integration, provider: Provider) -> Credentials:
        """Return an integration's credentials, from memory for up to five minutes.

        Raises:
            CredentialsRejectedError: The provider asks for some, and none are stored or they are disabled.
            UnavailableError: The secret store does not answer.
        """
        if not self._adapters.entered_fields(provider):
            return NO_CREDENTIALS
        name, version = _names(integration)
        cached = self._cache.get((name, version))
        if cached and cached.until > self._clock.monotonic():
            return cached.credentials
        return await self._load(name, version)

    async def versions(self, integration: Integration) -> Sequence[StoredVersion]:
        """Return every stored version of an integration's credentials, newest first."""
        if integration.credential_secret_name is None:
            return []
        found = await (await self._open_secrets()).versions(integration.credential_secret_name)
        return [
            StoredVersion(
                version=each.version,
                created_at=each.created_at,
                enabled=each.enabled,
                current=each.version == integration.credential_version,
                actor=each.tags.get("actor", ""),
            )
            for each in found
        ]

    async def set_enabled(self, integration: Integration, version: str, *, enabled: bool) -> None:
        """Let a version be read, or no longer. Idempotent; in memory a version may live five minutes more.

        Raises:
            NotFoundError: There is no such version.
        """
        name, _ = _names(integration)
        self._cache.pop((name, version), None)
        await (await self._open_secrets()).set_enabled(name, version, enabled=enabled)

    async def disable_others(self, integration: Integration) -> None:
        """Disable every version but the one in use: replaced ones, and what recovering has brought back."""
        name, current = _names(integration)
        for version in await (await self._open_secrets()).versions(name):
            if version.enabled and version.version != current:
                await self.set_enabled(integration, version.version, enabled=False)

    async def delete(self, integration: Integration) -> None:
        """Delete an integration's secret, if it has one, and forget it. Idempotent."""
        name = integration.credential_secret_name
        if name is not None:
            self._cache = {key: cached for key, cached in self._cache.items() if key[0] != name}
            await (await self._open_secrets()).delete(name)

    async def _load(self, name: str, version: str) -> Credentials:
        credentials = Credentials(json.loads((await self._get(name, version)).value))
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[name, version] = _Cached(credentials, self._clock.monotonic() + CACHE_SECONDS)
        return credentials

    async def _get(self, name: str, version: str | None) -> Secret:
        try:
            return await (await self._open_secrets()).get(name, version)
        except (NotFoundError, ForbiddenError):
            raise CredentialsRejectedError("The integration's credentials are gone or disabled.") from None

    def _check(self, provider: Provider, values: Mapping[str, str]) -> None:
        known = set(self._adapters.credential_fields(provider))
        wanted = set(self._adapters.entered_fields(provider))
        problems = [Problem(f"values.{name}", "is missing; add it") for name in sorted(wanted - set(values))]
        asked = ", ".join(sorted(wanted)) or "nothing"
        problems += [
            Problem(f"values.{name}", f"unknown; the provider asks for {asked}")
            for name in sorted(set(values) - known)
        ]
        if problems:
            raise InvalidRequestError("These are not the credentials that the provider asks for.", problems)


def _names(integration: Integration) -> tuple[str, str]:
    name, version = integration.credential_secret_name, integration.credential_version
    if name is None or version is None:
        raise CredentialsRejectedError("The integration has no credentials; set them first.")
    return name, version
