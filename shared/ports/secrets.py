"""The secret store: versioned secrets, as Key Vault keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """A secret's version without its value."""

    name: str
    version: str
    enabled: bool
    created_at: datetime
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's version with its value, which no repr shows."""

    properties: SecretVersion
    value: str = field(repr=False)


class SecretStore(Protocol):
    """Secrets by name; every `set` makes a new version and keeps the earlier ones.

    Names are 1 to 127 characters of `[0-9a-zA-Z-]`, compared without case (Key Vault's rule). Values are
    at most 25 KB. Every method raises UnavailableError or ThrottledError when the store does not answer.
    """

    async def set(self, name: str, value: str, tags: Mapping[str, str] | None = None) -> SecretVersion:
        """Store a new version and make it the current one.

        Raises:
            InvalidRequestError: The name or the value breaks the store's rules.
            InvalidStateError: The name is soft-deleted: recover it first.
        """
        ...

    async def get(self, name: str, version: str | None = None) -> Secret:
        """Return the current version, or the one named.

        Raises:
            NotFoundError: No such secret or version, or it is soft-deleted.
            ForbiddenError: The version is disabled.
        """
        ...

    async def versions(self, name: str) -> Sequence[SecretVersion]:
        """Return every version, newest first; empty if there is none or the name is soft-deleted."""
        ...

    async def set_enabled(self, name: str, version: str, *, enabled: bool) -> SecretVersion:
        """Enable or disable one version.

        Raises:
            NotFoundError: No such secret or version.
        """
        ...

    async def names(self, prefix: str = "") -> Sequence[str]:
        """Return the names, in order, of secrets that are not deleted."""
        ...

    async def delete(self, name: str) -> bool:
        """Soft-delete a secret with all its versions; False if it was not there."""
        ...

    async def recover(self, name: str) -> bool:
        """Bring a soft-deleted secret back with all its versions; False if it is not soft-deleted."""
        ...
