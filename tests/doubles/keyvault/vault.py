"""What a vault holds, and what it answers to each operation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.ports.clock import Clock

RETENTION_DAYS = 90
MAX_VALUE_BYTES = 25 * 1024
_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")


class RefusedError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, code: str, inner: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.inner = inner


@dataclass
class Version:
    id: str
    value: str
    created: int
    updated: int
    tags: dict[str, str]
    content_type: str | None
    enabled: bool = True


@dataclass
class Entry:
    name: str
    versions: list[Version] = field(default_factory=list)
    deleted_at: datetime | None = None
    is_changing: bool = False

    @property
    def current(self) -> Version:
        return self.versions[-1]


class Vault:
    """Attributes:
    url: Where ids begin.
    purge_protection: Nobody purges before the retention is over.
    finishes_changes: Whether deletions and recoveries come to their end.
    """

    def __init__(self, clock: Clock, new_id: Callable[[], str], *, purge_protection: bool = True) -> None:
        self.url = ""
        self.purge_protection = purge_protection
        self.finishes_changes = True
        self._clock = clock
        self._new_id = new_id
        self._entries: dict[str, Entry] = {}

    def set(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        value = body.get("value")
        if not _NAME.fullmatch(name) or not isinstance(value, str) or len(value.encode()) > MAX_VALUE_BYTES:
            raise RefusedError(400, "BadParameter")
        entry = self._find(name) or Entry(name)
        if entry.is_changing:
            raise RefusedError(
                409, "Conflict", "ObjectIsBeingDeleted" if entry.deleted_at else "ObjectIsBeingRecovered"
            )
        if entry.deleted_at:
            raise RefusedError(409, "Conflict", "ObjectIsDeletedButRecoverable")
        now = int(self._clock.now().timestamp())
        tags = dict(body.get("tags") or {})
        version = Version(self._new_id(), value, now, now, tags, body.get("contentType"))
        version.enabled = (body.get("attributes") or {}).get("enabled", True)
        entry.versions.append(version)
        self._entries[name.lower()] = entry
        return self._bundle(entry, version)

    def get(self, name: str, version_id: str) -> dict[str, Any]:
        entry, version = self._version(name, version_id)
        if not version.enabled:
            raise RefusedError(403, "Forbidden", "SecretDisabled")
        return self._bundle(entry, version)

    def update(self, name: str, version_id: str, body: dict[str, Any]) -> dict[str, Any]:
        entry, version = self._version(name, version_id)
        version.enabled = (body.get("attributes") or {}).get("enabled", version.enabled)
        if "tags" in body:
            version.tags = dict(body["tags"])
        version.updated = int(self._clock.now().timestamp())
        return self._item(entry, version)

    def versions(self, name: str) -> list[dict[str, Any]]:
        entry = self._find(name)
        if entry is None or entry.deleted_at:
            return []
        return [self._item(entry, version) for version in sorted(entry.versions, key=lambda each: each.id)]

    def live(self) -> list[dict[str, Any]]:
        return [
            self._item(entry, entry.current, versioned=False)
            for entry in self._all()
            if not entry.deleted_at and not entry.is_changing
        ]

    def delete(self, name: str) -> dict[str, Any]:
        entry = self._live_entry(name)
        entry.deleted_at = self._clock.now()
        entry.is_changing = not self.finishes_changes
        return self._deleted(entry)

    def dead(self) -> list[dict[str, Any]]:
        return [self._deleted(each) for each in self._all() if each.deleted_at and not each.is_changing]

    def get_deleted(self, name: str) -> dict[str, Any]:
        return self._deleted(self._dead_entry(name))

    def recover(self, name: str) -> dict[str, Any]:
        entry = self._dead_entry(name)
        entry.deleted_at = None
        entry.is_changing = not self.finishes_changes
        return self._item(entry, entry.current)

    def purge(self, name: str) -> None:
        entry = self._dead_entry(name)
        if self.purge_protection:
            raise RefusedError(403, "Forbidden", "PurgeProtectionEnabled")
        del self._entries[entry.name.lower()]

    def finish_changes(self) -> None:
        self.finishes_changes = True
        for entry in self._entries.values():
            entry.is_changing = False

    def _all(self) -> list[Entry]:
        return [entry for name in sorted(self._entries) if (entry := self._find(name))]

    def _find(self, name: str) -> Entry | None:
        entry = self._entries.get(name.lower())
        if entry and entry.deleted_at and self._clock.now() >= _purge_date(entry.deleted_at):
            del self._entries[name.lower()]
            return None
        return entry

    def _live_entry(self, name: str) -> Entry:
        entry = self._find(name)
        if entry is None or entry.deleted_at or entry.is_changing:
            raise RefusedError(404, "SecretNotFound")
        return entry

    def _dead_entry(self, name: str) -> Entry:
        entry = self._find(name)
        if entry is None or not entry.deleted_at or entry.is_changing:
            raise RefusedError(404, "SecretNotFound")
        return entry

    def _version(self, name: str, version_id: str) -> tuple[Entry, Version]:
        entry = self._live_entry(name)
        if not version_id:
            return entry, entry.current
        for version in entry.versions:
            if version.id == version_id:
                return entry, version
        raise RefusedError(404, "SecretNotFound")

    def _bundle(self, entry: Entry, version: Version) -> dict[str, Any]:
        return {"value": version.value, **self._item(entry, version)}

    def _item(self, entry: Entry, version: Version, *, versioned: bool = True) -> dict[str, Any]:
        level = "Recoverable" if self.purge_protection else "Recoverable+Purgeable"
        item: dict[str, Any] = {
            "id": f"{self.url}/secrets/{entry.name}" + (f"/{version.id}" if versioned else ""),
            "attributes": {
                "enabled": version.enabled,
                "created": version.created,
                "updated": version.updated,
                "recoveryLevel": level,
                "recoverableDays": RETENTION_DAYS,
            },
            "tags": version.tags,
        }
        if version.content_type:
            item["contentType"] = version.content_type
        return item

    def _deleted(self, entry: Entry) -> dict[str, Any]:
        assert entry.deleted_at
        return {
            **self._item(entry, entry.current),
            "recoveryId": f"{self.url}/deletedsecrets/{entry.name}",
            "deletedDate": int(entry.deleted_at.timestamp()),
            "scheduledPurgeDate": int(_purge_date(entry.deleted_at).timestamp()),
        }


def _purge_date(deleted_at: datetime) -> datetime:
    return deleted_at + timedelta(days=RETENTION_DAYS)
