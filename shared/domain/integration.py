"""Integrations: a tenant's configured provider."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self, cast

from pydantic import Field, StringConstraints, field_serializer, model_validator

from shared.domain.errors import InvalidStateError, StaleWriteError
from shared.domain.field_paths import FieldPath, parents_of
from shared.domain.field_sources import FieldSource, fields_read
from shared.domain.model import Id, StoredModel, Timestamp, WireModel
from shared.domain.provider import SettingName
from shared.domain.scalars import Scalar
from shared.domain.schedule import SyncConfig
from shared.domain.transforms import Step, Transform, shortest
from shared.domain.validation import blame
from shared.domain.validation_rules import FieldRules

MAX_REASON = 500
"""Characters of a run's error that its integration repeats."""


class IntegrationStatus(StrEnum):
    """Only `active` integrations sync."""

    DISABLED = "disabled"
    ACTIVE = "active"


class FieldMapping(WireModel):
    """Where one field of a shard comes from, and what happens to it on the way."""

    external_field: FieldSource
    shard_field: FieldPath
    transform: Transform = None
    required: bool = False
    default: Scalar = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The transform's steps, whichever way it was written."""
        return cast("tuple[Step, ...]", self.transform or ())  # what validation makes of every form

    @field_serializer("transform")
    def _shortest(self, _transform: Transform) -> Any:
        return shortest(self.steps)


class EntityMapping(WireModel):
    """Which shard type an entity becomes, how, and what has to be true of the result."""

    entity: Id
    shard_type_id: Id
    fields: Annotated[tuple[FieldMapping, ...], Field(min_length=1, max_length=500)]
    validation: Annotated[tuple[FieldRules, ...], Field(max_length=500)] = ()

    def fields_read(self) -> frozenset[str] | None:
        """Return the paths of the provider's fields that the mapping reads; None if that is not known."""
        paths: set[str] = set()
        for mapping in self.fields:
            if (read := fields_read(mapping.external_field)) is None:
                return None
            paths |= read
        return frozenset(paths)

    @model_validator(mode="after")
    def _targets_are_distinct(self) -> Self:
        values: set[str] = set()
        objects: set[str] = set()
        for index, target in enumerate(mapping.shard_field for mapping in self.fields):
            parents = parents_of(target)
            if target in values or target in objects or not values.isdisjoint(parents):
                place = f"fields.{index}.shardField"
                raise blame(place, f"{target} is mapped twice, or both a value and an object")
            values.add(target)
            objects.update(parents)
        return self

    @model_validator(mode="after")
    def _rules_are_on_mapped_fields(self) -> Self:
        targets = {mapping.shard_field for mapping in self.fields}
        known = targets.union(*map(parents_of, targets))
        seen: set[str] = set()
        for index, field in enumerate(rules.field for rules in self.validation):
            place = f"validation.{index}.field"
            if field in seen:
                raise blame(place, f"{field} has two entries; write all its rules in one")
            if not known & {field, *parents_of(field)}:
                raise blame(place, f"nothing is mapped to {field}; rules are about a shardField")
            seen.add(field)
        return self


class IntegrationSettings(WireModel):
    """What a tenant admin configures."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
    settings: dict[SettingName, Annotated[str, StringConstraints(max_length=2000)]] = {}
    entity_mappings: Annotated[tuple[EntityMapping, ...], Field(max_length=100)] = ()
    sync_config: SyncConfig = SyncConfig()
    user_scoped: bool = Field(
        default=False, description="Whether users connect themselves, each for their own data."
    )
    allowed_shard_types: tuple[Id, ...] | None = Field(
        default=None, description="Shard types that this integration may write; null means any."
    )

    @model_validator(mode="after")
    def _entities_are_mapped_once(self) -> Self:
        entities: set[str] = set()
        for index, mapping in enumerate(self.entity_mappings):
            if mapping.entity in entities:
                place = f"entityMappings.{index}.entity"
                raise blame(place, f"{mapping.entity} is mapped already; map each entity once")
            entities.add(mapping.entity)
        return self

    @model_validator(mode="after")
    def _types_are_allowed(self) -> Self:
        for index, mapping in enumerate(self.entity_mappings):
            if self.allowed_shard_types is not None and mapping.shard_type_id not in self.allowed_shard_types:
                place = f"entityMappings.{index}.shardTypeId"
                raise blame(place, f"{mapping.shard_type_id} is not in allowedShardTypes")
        return self


class LastSync(WireModel):
    """How the last finished run ended, and why if not well."""

    execution_id: Id
    status: str
    finished_at: Timestamp
    reason: Annotated[str, StringConstraints(max_length=MAX_REASON)] | None = None


class DisabledBecause(WireModel):
    """Why the system has disabled an integration: a connection that can't be used for now, or any more."""

    code: str
    connection_id: Id
    at: Timestamp


class Integration(IntegrationSettings, StoredModel):
    """An integration as stored.

    `revision` counts what people changed. It is what callers see as the ETag: that the system noted a sync in
    the same document is no reason to refuse an administrator's change. `former_credential_version` is the one
    that a rotation has replaced and disabled, at `rotated_at`. `disabled_because` stands while the system, no
    person, keeps it disabled; the connection's next success activates it again. The first run by schedule
    from `next_full_sync_at` on is a full one. `last_reading` is the last finished run that has read a record;
    the integration's data quality is that run's.
    """

    tenant_id: Id
    provider_id: Id
    provider_category: Id
    revision: int = 1
    credential_secret_name: str | None = None
    credential_version: str | None = None
    former_credential_version: str | None = None
    rotated_at: Timestamp | None = None
    status: IntegrationStatus = IntegrationStatus.DISABLED
    disabled_because: DisabledBecause | None = None
    next_sync_at: Timestamp | None = None
    next_full_sync_at: Timestamp | None = None
    last_sync: LastSync | None = None
    last_reading: Id | None = None

    @model_validator(mode="after")
    def _types_are_allowed(self) -> Self:
        """Take what is stored as it is: it must be readable to be mended, and is denied at work."""
        return self

    def require_active(self) -> None:
        """Make sure that the integration may sync.

        Raises:
            InvalidStateError: It is not active.
        """
        if self.status is not IntegrationStatus.ACTIVE:
            raise InvalidStateError(
                f"The integration is not active: POST /api/integrations/{self.id}/activate first."
            )

    def require_revision(self, etag: str | None) -> None:
        """Make sure that a caller knows people's last change; None is asked by one who need not.

        Raises:
            StaleWriteError: It is another revision's.
        """
        if etag is not None and etag != str(self.revision):
            raise StaleWriteError("The integration was changed since you read it; read it again.")

    def mapping_of(self, entity: str) -> EntityMapping | None:
        """Return the mapping of an entity, or None."""
        return next((mapping for mapping in self.entity_mappings if mapping.entity == entity), None)
