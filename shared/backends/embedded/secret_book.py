"""Named, versioned secrets as one immutable value: Key Vault's behaviour without its service."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self

from shared.domain.errors import ForbiddenError, InvalidStateError, NotFoundError
from shared.domain.model import rfc3339
from shared.ports.secrets import Secret, SecretVersion


@dataclass(frozen=True, slots=True)
class _Entry:
    """A secret under the name that it was first given; `versions` are oldest first."""

    name: str
    deleted: bool
    versions: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class SecretBook:
    """Every change makes a new book. Names are compared without case; messages never hold a value."""

    _entries: Mapping[str, _Entry] = field(default_factory=dict, repr=False)

    def add(self, version: SecretVersion, value: str) -> tuple[Self, SecretVersion]:
        """Make this the current version of the secret that it names, spelt as it was first.

        Raises:
            InvalidStateError: The secret is soft-deleted.
        """
        entry = self._entries.get(version.name.lower(), _Entry(version.name, deleted=False, versions=()))
        if entry.deleted:
            raise InvalidStateError(f"the secret {entry.name} is deleted: recover it before you set it again")
        added = replace(version, name=entry.name)
        return self._with(replace(entry, versions=(*entry.versions, Secret(added, value)))), added

    def find(self, name: str, version: str | None) -> Secret:
        """Return the named version, or the current one.

        Raises:
            NotFoundError: No such secret or version, or it is soft-deleted.
            ForbiddenError: The version is disabled.
        """
        secret = next((s for s in self.versions(name) if version in {None, s.properties.version}), None)
        if secret is None:
            raise NotFoundError(f"there is no secret {name}" + (f" of version {version}" if version else ""))
        if not secret.properties.enabled:
            raise ForbiddenError(f"version {secret.properties.version} of the secret {name} is disabled")
        return secret

    def versions(self, name: str) -> Sequence[Secret]:
        """Return every version, newest first; empty if there is none or the secret is soft-deleted."""
        entry = self._entries.get(name.lower())
        return () if entry is None or entry.deleted else entry.versions[::-1]

    def names(self, prefix: str) -> Sequence[str]:
        """Return the names of secrets that are not deleted, in order; `prefix` is compared without case."""
        keys = sorted(
            key
            for key, entry in self._entries.items()
            if key.startswith(prefix.lower()) and not entry.deleted
        )
        return [self._entries[key].name for key in keys]

    def set_enabled(self, name: str, version: str, *, enabled: bool) -> tuple[Self, SecretVersion]:
        """Enable or disable one version; return the new book and what is now known of the version.

        Raises:
            NotFoundError: No such secret or version, or it is soft-deleted.
        """
        secret = next((s for s in self.versions(name) if s.properties.version == version), None)
        if secret is None:
            raise NotFoundError(f"there is no secret {name} of version {version}")
        changed = replace(secret, properties=replace(secret.properties, enabled=enabled))
        entry = self._entries[name.lower()]
        versions = tuple(changed if s is secret else s for s in entry.versions)
        return self._with(replace(entry, versions=versions)), changed.properties

    def set_deleted(self, name: str, *, deleted: bool) -> Self:
        """Soft-delete a secret or bring it back; return this same book if there is nothing to change."""
        entry = self._entries.get(name.lower())
        if entry is None or entry.deleted == deleted:
            return self
        return self._with(replace(entry, deleted=deleted))

    def to_json(self) -> bytes:
        """Write the whole book, values included: for encryption, not for eyes."""
        return json.dumps({"secrets": [_entry_to_json(entry) for entry in self._entries.values()]}).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Read what `to_json` wrote."""
        entries = (_entry_from_json(item) for item in json.loads(content)["secrets"])
        return cls({entry.name.lower(): entry for entry in entries})

    def _with(self, entry: _Entry) -> Self:
        return type(self)({**self._entries, entry.name.lower(): entry})


def _entry_to_json(entry: _Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "deleted": entry.deleted,
        "versions": [_version_to_json(s) for s in entry.versions],
    }


def _entry_from_json(item: dict[str, Any]) -> _Entry:
    versions = tuple(_version_from_json(item["name"], version) for version in item["versions"])
    return _Entry(item["name"], item["deleted"], versions)


def _version_to_json(secret: Secret) -> dict[str, Any]:
    properties = secret.properties
    return {
        "version": properties.version,
        "value": secret.value,
        "enabled": properties.enabled,
        "createdAt": rfc3339(properties.created_at),
        "tags": dict(properties.tags),
    }


def _version_from_json(name: str, item: dict[str, Any]) -> Secret:
    created_at = datetime.fromisoformat(item["createdAt"])
    tags = MappingProxyType(item["tags"])
    return Secret(SecretVersion(name, item["version"], item["enabled"], created_at, tags), item["value"])
