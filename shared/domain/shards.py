"""Shards: the host platform's documents, and how an inbound record becomes one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson

from shared.domain.text_patterns import pattern_test

Outcome = Literal["created", "updated", "unchanged", "deleted"]

ORIGIN_FIELDS = ("source", "createdAt", "deletedAt")
"""The fields of a stored shard by which a record is compared with it."""

TOMBSTONE = "deleted"
"""Stands for the hash and the fingerprint of what a deleted record holds."""

_is_plain = pattern_test(r"^[A-Za-z0-9_-]+$", longest=100)


def shard_id(integration_id: str, entity: str, external_id: str) -> str:
    """Return the id of a record's shard: the same record always has the same one.

    It starts with the integration's id, so that an integration's shards are neighbours. External ids that
    an id can't hold are hashed; the mark `~h~` keeps a hash from ever equalling a plain id.
    """
    if _is_plain(external_id):
        return f"{integration_id}~{entity}~{external_id}"
    digest = hashlib.blake2b(external_id.encode(), digest_size=16).hexdigest()
    return f"{integration_id}~{entity}~~h~{digest}"


def shard_id_range(integration_id: str) -> tuple[str, str]:
    """Return the bounds of an integration's shard ids: from the first, up to but without the second."""
    return f"{integration_id}~", f"{integration_id}\x7f"


def entity_id_range(integration_id: str, entity: str) -> tuple[str, str]:
    """Return the bounds of one entity's shard ids: from the first, up to but without the second."""
    return f"{integration_id}~{entity}~", f"{integration_id}~{entity}\x7f"


def content_hash(data: Mapping[str, Any]) -> str:
    """Return a hash of mapped data that does not depend on the order of its fields (BLAKE2b, 128 bits)."""
    return hashlib.blake2b(orjson.dumps(data, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


class ShardChange(NamedTuple):
    """What a record says of its shard. `data` is None for a deletion.

    `fingerprint` is that of the record and its mapping: the same one gives the same data again.
    """

    id: str
    data: dict[str, Any] | None
    external_id: str
    modified_at: str | int | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ShardOrigin:
    """Where shards come from: an entity of an integration, and one page of one run."""

    tenant_id: str
    shard_type_id: str
    integration_id: str
    entity: str
    execution_id: str
    page: int

    def outcome_of_same(self, before: Mapping[str, Any], fingerprint: str) -> Outcome | None:
        """Return what became of a record whose shard was made of just this version; None for another version.

        A shard that this very page wrote before a crash says itself what its record was counted as.
        """
        source = before["source"]
        if source.get("fingerprint") != fingerprint:
            return None
        return source["outcome"] if self._wrote(source) else "unchanged"

    def compare(
        self, change: ShardChange, before: Mapping[str, Any] | None, now: str
    ) -> tuple[Outcome, dict[str, Any] | None]:
        """Return what became of a record, and the shard to write if it has to be.

        Args:
            change: The record.
            before: The shard as it is stored, at least ORIGIN_FIELDS of it; None if there is none.
            now: The time, RFC 3339.
        """
        digest = TOMBSTONE if change.data is None else content_hash(change.data)
        source: Mapping[str, Any] = before["source"] if before else {}
        outcome, differs = self._compared(change, before, digest == source.get("hash"))
        return outcome, self._shard(change, digest, before, outcome, now) if differs else None

    def _compared(
        self,
        change: ShardChange,
        before: Mapping[str, Any] | None,
        same: bool,  # noqa: FBT001 - two outcomes
    ) -> tuple[Outcome, bool]:
        if before is None:
            return ("unchanged", False) if change.data is None else ("created", True)
        source = before["source"]
        was_created = source.get("outcome") == "created" and change.data is not None
        if self._wrote(source) and (same or was_created):
            return source["outcome"], not same
        if same:
            return "unchanged", False
        if change.data is None:
            return "deleted", True
        return ("created" if before.get("deletedAt") else "updated"), True

    def _wrote(self, source: Mapping[str, Any]) -> bool:
        return (source.get("executionId"), source.get("page")) == (self.execution_id, self.page)

    def _shard(
        self,
        change: ShardChange,
        digest: str,
        before: Mapping[str, Any] | None,
        outcome: Outcome,
        now: str,
    ) -> dict[str, Any]:
        shard = {
            "id": change.id,
            "tenantId": self.tenant_id,
            "shardTypeId": self.shard_type_id,
            "integrationId": self.integration_id,
            "schemaVersion": 1,
            "createdAt": before["createdAt"] if before else now,
            "updatedAt": now,
            "data": change.data or {},
            "source": {
                "entity": self.entity,
                "externalId": change.external_id,
                "modifiedAt": change.modified_at,
                "hash": digest,
                "fingerprint": change.fingerprint,
                "executionId": self.execution_id,
                "page": self.page,
                "outcome": outcome,
            },
        }
        return shard if change.data is not None else {**shard, "deletedAt": now}
