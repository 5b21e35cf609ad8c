"""The secret store of Azure: one Key Vault.

Importing this costs the SDK's import, 100 ms at a cold start: import it at the first use.
"""

from __future__ import annotations

import random
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Self, TypeVar

from azure.core.credentials_async import AsyncTokenCredential
from azure.keyvault.secrets import SecretProperties
from azure.keyvault.secrets.aio import SecretClient

from shared.backends.azure.service_calls import SDK_RETRIES, ServiceCalls
from shared.backends.azure.transport import open_transport
from shared.backends.secret_rules import check_secret, is_secret_name, is_version
from shared.domain.errors import ConfigurationError, NotFoundError, UnavailableError
from shared.ports.clock import Clock
from shared.ports.secrets import Secret, SecretVersion

T = TypeVar("T")

TIMEOUT_SECONDS = 15.0
"""One attempt. A deletion or recovery, which Key Vault finishes within seconds, is one attempt too."""


class KeyVaultSecretStore:
    """`SecretStore` on a vault with soft delete; `open` makes one.

    Key Vault stamps versions with whole seconds: of two set within one second, either may be listed first.
    After UnavailableError a change may have happened all the same. Repeated, `set` only adds one more version
    with the same value; `delete` and `recover` then return False. Nothing here purges: the identity needs no
    right to, and a vault should have purge protection.
    """

    def __init__(self, client: SecretClient, calls: ServiceCalls) -> None:
        self._client = client
        self._calls = calls

    @classmethod
    async def open(
        cls,
        vault_url: str,
        credential: AsyncTokenCredential,
        clock: Clock,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        tls: ssl.SSLContext | None = None,
        verify_challenge: bool = True,
        random: Callable[[], float] = random.random,
    ) -> Self:
        """Make a store; nothing is sent before the first call.

        Args:
            vault_url: `https://NAME.vault.azure.net`.
            credential: Whoever opened it closes it.
            clock: Time, for the waits between attempts.
            timeout_seconds: For one attempt.
            tls: What to trust; the system's authorities by default.
            verify_challenge: Whether the vault may only ask for tokens for its own domain. False fits only a
                vault's stand-in at an address without a name.
            random: Between 0 and 1, for the waits.

        Raises:
            ConfigurationError: The URL is not https.
        """
        if not vault_url.startswith("https://"):
            raise ConfigurationError("The vault's URL must start with https://.")
        client = SecretClient(
            vault_url,
            credential,
            transport=open_transport(tls),
            verify_challenge_resource=verify_challenge,
            retry_total=SDK_RETRIES,
        )
        return cls(client, ServiceCalls(timeout_seconds, clock, random))

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._client.close()

    async def set(self, name: str, value: str, tags: Mapping[str, str] | None = None) -> SecretVersion:
        """Store a new version and make it the current one (see `SecretStore.set`)."""
        kept_tags = dict(tags or {})
        check_secret(name, value, kept_tags)
        stored = await self._call(_secret(name), lambda: self._client.set_secret(name, value, tags=kept_tags))
        return _version(stored.properties)

    async def get(self, name: str, version: str | None = None) -> Secret:
        """Return the current version, or the one named (see `SecretStore.get`)."""
        _require(name, version)
        found = await self._call(_secret(name, version), lambda: self._client.get_secret(name, version))
        return Secret(_version(found.properties), found.value or "")

    async def versions(self, name: str) -> Sequence[SecretVersion]:
        """Return every version, newest first (see `SecretStore.versions`)."""
        if not is_secret_name(name):
            return []

        async def read() -> list[SecretVersion]:
            return [_version(each) async for each in self._client.list_properties_of_secret_versions(name)]

        try:
            found = await self._call(_secret(name), read)
        except NotFoundError:
            return []
        return sorted(found, key=lambda version: version.created_at, reverse=True)

    async def set_enabled(self, name: str, version: str, *, enabled: bool) -> SecretVersion:
        """Enable or disable one version (see `SecretStore.set_enabled`)."""
        _require(name, version)
        changed = await self._call(
            _secret(name, version),
            lambda: self._client.update_secret_properties(name, version, enabled=enabled),
        )
        return _version(changed)

    async def names(self, prefix: str = "") -> Sequence[str]:
        """Return the names of secrets that are not deleted, in order."""

        async def read() -> list[str]:
            return [each.name or "" async for each in self._client.list_properties_of_secrets()]

        found = await self._call("the list of secrets", read)
        return sorted((name for name in found if name.lower().startswith(prefix.lower())), key=str.lower)

    async def delete(self, name: str) -> bool:
        """Soft-delete a secret with all its versions; False if it was not there."""
        return await self._happens(name, self._client.delete_secret)

    async def recover(self, name: str) -> bool:
        """Bring a soft-deleted secret back; False if it is not soft-deleted."""
        return await self._happens(name, self._client.recover_deleted_secret)

    async def _call(self, place: str, operation: Callable[[], Awaitable[T]]) -> T:
        try:
            return await self._calls.call(place, operation)
        except ValueError:  # the SDK's way to say that it would give the token to a stranger
            raise ConfigurationError(
                f"What answers for {place} sends the challenge of another domain; check the vault's URL."
            ) from None

    async def _happens(self, name: str, change: Callable[[str], Awaitable[object]]) -> bool:
        if not is_secret_name(name):
            return False
        try:
            await self._call(_secret(name), lambda: change(name))
        except NotFoundError:
            return False
        return True


def _require(name: str, version: str | None) -> None:
    """Refuse what no vault can hold before it becomes part of a URL, where it might mean something else."""
    if not is_secret_name(name) or not (version is None or is_version(version)):
        raise NotFoundError(f"{_secret(name, version)} is not there.")


def _secret(name: str, version: str | None = None) -> str:
    return f"the secret {name}" + (f", version {version}," if version else "")


def _version(properties: SecretProperties) -> SecretVersion:
    if properties.name is None or properties.version is None or properties.created_on is None:
        raise UnavailableError("Key Vault described a secret without its name, version or time.")
    return SecretVersion(
        properties.name,
        properties.version,
        enabled=properties.enabled is not False,
        created_at=properties.created_on,
        tags=MappingProxyType(dict(properties.tags or {})),
    )
