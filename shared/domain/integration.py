"""Integrations: a tenant's configured provider."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from shared.domain.model import Id, StoredModel, Timestamp, WireModel
from shared.domain.provider import SettingName

FieldPath = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_$@-]+(\.[A-Za-z0-9_$@-]+){0,9}$", max_length=300)
]
"""A dotted path into a JSON object, at most ten levels."""


class IntegrationStatus(StrEnum):
    """Only `active` integrations sync."""

    DISABLED = "disabled"
    ACTIVE = "active"


class FieldMapping(WireModel):
    """Where one field of a shard comes from, and what happens to it on the way."""

    external_field: FieldPath
    shard_field: FieldPath
    transform: Literal["trim", "lower", "upper", "text", "number", "boolean"] | None = None
    required: bool = False
    default: str | int | float | bool | None = None


class EntityMapping(WireModel):
    """Which shard type an entity becomes, and how."""

    entity: Id
    shard_type_id: Id
    fields: Annotated[tuple[FieldMapping, ...], Field(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _targets_are_distinct(self) -> Self:
        targets = Counter(mapping.shard_field for mapping in self.fields)
        parents = {
            ".".join(parts[:level]) for parts in map(_parts, targets) for level in range(1, len(parts))
        }
        clashes = {target for target, count in targets.items() if count > 1 or target in parents}
        if clashes:
            raise ValueError(f"mapped twice, or both a value and an object: {', '.join(sorted(clashes))}")
        return self


def _parts(path: str) -> list[str]:
    return path.split(".")


class SyncConfig(WireModel):
    """When an integration syncs by itself. Without an interval it syncs only on request."""

    interval_seconds: Annotated[int, Field(ge=60, le=30 * 86_400)] | None = None


class IntegrationSettings(WireModel):
    """What a tenant admin configures."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
    settings: dict[SettingName, Annotated[str, StringConstraints(max_length=2000)]] = {}
    entity_mappings: Annotated[tuple[EntityMapping, ...], Field(max_length=100)] = ()
    sync_config: SyncConfig = SyncConfig()
    allowed_shard_types: tuple[Id, ...] | None = Field(
        default=None, description="Shard types that this integration may write; null means any."
    )

    @model_validator(mode="after")
    def _entities_are_mapped_once_to_allowed_types(self) -> Self:
        entities = [mapping.entity for mapping in self.entity_mappings]
        if len(set(entities)) < len(entities):
            raise ValueError("entityMappings: each entity can be mapped once")
        denied = {
            mapping.shard_type_id
            for mapping in self.entity_mappings
            if self.allowed_shard_types is not None and mapping.shard_type_id not in self.allowed_shard_types
        }
        if denied:
            raise ValueError(f"entityMappings: not among allowedShardTypes: {', '.join(sorted(denied))}")
        return self


class LastSync(WireModel):
    """How the last finished run ended."""

    execution_id: Id
    status: str
    finished_at: Timestamp


class Integration(IntegrationSettings, StoredModel):
    """An integration as stored.

    `revision` counts what people changed. It is what callers see as the ETag: that the system noted a sync in
    the same document is no reason to refuse an administrator's change.
    """

    tenant_id: Id
    provider_id: Id
    provider_category: Id
    revision: int = 1
    status: IntegrationStatus = IntegrationStatus.DISABLED
    next_sync_at: Timestamp | None = None
    last_sync: LastSync | None = None

    def mapping_of(self, entity: str) -> EntityMapping | None:
        """Return the mapping of an entity, or None."""
        return next((mapping for mapping in self.entity_mappings if mapping.entity == entity), None)
