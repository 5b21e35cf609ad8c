"""Refresh tokens in the secret store, one secret for each connection, and nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from shared.domain.connection import Connection
from shared.domain.errors import CredentialsRejectedError, ForbiddenError, NotFoundError
from shared.domain.secret_names import connection_secret_name
from shared.ports.secrets import Secret, SecretStore

SYSTEM = "system"
"""The actor of what no person did."""

_FOLLOWS = "follows"
"""The tag of a rotation: the version that it takes the place of."""


class GrantVault:
    """Keeps the durable half of connections: what refreshes their access tokens.

    Args:
        open_secrets: Opens the secret store at its first use.
    """

    def __init__(self, open_secrets: Callable[[], Awaitable[SecretStore]]) -> None:
        self._open_secrets = open_secrets

    async def put(self, connection: Connection, refresh_token: str, actor: str) -> tuple[str, str]:
        """Store the refresh token of a new grant; return the secret's name and version.

        The connection still names the former one, which `keep_only_named` disables later.

        Raises:
            UnavailableError: The secret store does not answer.
        """
        name = connection.secret_name or _name_of(connection)
        secrets = await self._open_secrets()
        await secrets.recover(name)
        stored = await secrets.set(name, refresh_token, {"actor": actor})
        return name, stored.version

    async def keep_only_named(self, connection: Connection) -> None:
        """Disable every version but the connection's: former grants', and what recovering brought back."""
        if connection.secret_name is None:
            return
        secrets = await self._open_secrets()
        for version in await secrets.versions(connection.secret_name):
            if version.enabled and version.version != connection.secret_version:
                await secrets.set_enabled(connection.secret_name, version.version, enabled=False)

    async def get(self, connection: Connection) -> str:
        """Return the refresh token that the connection names.

        Raises:
            CredentialsRejectedError: There is none, or it is disabled.
            UnavailableError: The secret store does not answer.
        """
        return (await self._get(connection, connection.secret_version)).value

    async def newest(self, connection: Connection) -> str:
        """Return the refresh token that counts: also one that a crash kept the connection from naming.

        Raises:
            CredentialsRejectedError: There is none, or it is disabled.
            UnavailableError: The secret store does not answer.
        """
        version = await self.unnamed_rotation(connection)
        return await self.get(connection.changed(secret_version=version) if version else connection)

    async def rotate(self, connection: Connection, refresh_token: str) -> str:
        """Store what the provider has put in the place of the refresh token; return its version.

        The connection does not name it yet; until then `unnamed_rotation` finds it.
        """
        name, version = _names(connection)
        secrets = await self._open_secrets()
        stored = await secrets.set(name, refresh_token, {"actor": SYSTEM, _FOLLOWS: version})
        return stored.version

    async def unnamed_rotation(self, connection: Connection) -> str | None:
        """Return the version that a rotation has stored and a crash kept the connection from naming.

        Raises:
            CredentialsRejectedError: There is none, or it is disabled.
            UnavailableError: The secret store does not answer.
        """
        newest = (await self._get(connection, None)).properties
        return newest.version if newest.tags.get(_FOLLOWS) == connection.secret_version else None

    async def delete(self, connection: Connection) -> None:
        """Delete a connection's secret, if it has one. Idempotent."""
        if connection.secret_name is not None:
            await (await self._open_secrets()).delete(connection.secret_name)

    async def _get(self, connection: Connection, version: str | None) -> Secret:
        name, _ = _names(connection)
        try:
            return await (await self._open_secrets()).get(name, version)
        except (NotFoundError, ForbiddenError):
            raise CredentialsRejectedError("The connection's refresh token is gone or disabled.") from None


def _name_of(connection: Connection) -> str:
    return connection_secret_name(
        connection.tenant_id, connection.integration_id, connection.provider_id, connection.user_id
    )


def _names(connection: Connection) -> tuple[str, str]:
    name, version = connection.secret_name, connection.secret_version
    if name is None or version is None:
        raise CredentialsRejectedError("The integration is not connected; connect it first.")
    return name, version
