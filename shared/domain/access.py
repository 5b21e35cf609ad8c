"""What an integration may touch: its own tenant's shards, of the types that it is allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.domain.integration import Integration

Operation = Literal["fetch", "store", "send"]
"""`fetch`: records come in from the provider. `store`: they become shards. `send`: shards go out."""

_FOREIGN = "The integration belongs to another tenant."


@dataclass(frozen=True, slots=True)
class Denial:
    """An access that is not allowed. `shard_type_id` is None where the entity is mapped to none."""

    tenant_id: str
    integration_id: str
    shard_type_id: str | None
    operation: Operation
    reason: str


def denial_of(
    integration: Integration, tenant_id: str, shard_type_id: str, operation: Operation
) -> Denial | None:
    """Return why an integration may not touch a tenant's shards of a type, or None if it may."""
    allowed = integration.allowed_shard_types
    if tenant_id != integration.tenant_id:
        reason = _FOREIGN
    elif allowed is not None and shard_type_id not in allowed:
        reason = f"{shard_type_id} is not among the integration's allowedShardTypes; add it there."
    else:
        return None
    return Denial(tenant_id, integration.id, shard_type_id, operation, reason)


def entity_denial_of(
    integration: Integration, tenant_id: str, entity: str, operation: Operation
) -> Denial | None:
    """Return why an integration may not exchange an entity's records for a tenant, or None if it may.

    What it does not map it has no use for. One that maps nothing yet may be tried: nothing it fetches can
    become a shard.
    """
    mapping = integration.mapping_of(entity)
    if mapping:
        return denial_of(integration, tenant_id, mapping.shard_type_id, operation)
    if tenant_id != integration.tenant_id:
        reason = _FOREIGN
    elif integration.entity_mappings:
        reason = f"The entity {entity} is not mapped by the integration; map it first."
    else:
        return None
    return Denial(tenant_id, integration.id, None, operation, reason)
