"""Containers and their partition keys, TTLs and indexes: the single declaration.

The embedded store creates its tables from it, the Azure store checks its queries against it, and the
infrastructure templates are compared with it. Field names are those on the wire (camelCase, dotted
paths for nested fields).
"""

from __future__ import annotations

from dataclasses import dataclass

DAY_SECONDS = 86_400

NO_TTL = None
"""Documents stay until they are deleted, whatever `ttl` they carry."""

OWN_TTL = -1
"""Each document may carry its own `ttl` in seconds; without one it stays."""


@dataclass(frozen=True, slots=True)
class Container:
    """A set of documents that share a partition key and a lifetime.

    Attributes:
        name: As in the database.
        partition_key: Fields of the (hierarchical) partition key, outermost first.
        default_ttl: Seconds after the last write, NO_TTL or OWN_TTL.
        indexes: Each a sequence of fields: equality conditions cover a prefix of it, the next field may
            carry a range condition and the order. `("id",)` is always there.
        is_busy: It gets request units of its own where they are provisioned; the others share (25 containers
            at most, https://learn.microsoft.com/azure/cosmos-db/set-throughput).
    """

    name: str
    partition_key: tuple[str, ...]
    default_ttl: int | None = NO_TTL
    indexes: tuple[tuple[str, ...], ...] = ()
    is_busy: bool = False


_DECLARED = (
    Container("providers", ("category",)),
    Container("integrations", ("tenantId",), indexes=(("status", "nextSyncAt"), ("providerId",))),
    Container("connections", ("tenantId",), indexes=(("integrationId",), ("status", "expiresAt"))),
    Container("checkpoints", ("tenantId", "integrationId"), is_busy=True),
    Container("shards", ("tenantId", "shardTypeId"), is_busy=True),
    Container("record-links", ("tenantId", "integrationId"), indexes=(("shardId",),)),
    Container(
        "sync-executions",
        ("tenantId",),
        30 * DAY_SECONDS,
        (("integrationId", "createdAt"), ("status", "expectedBy")),
        is_busy=True,
    ),
    Container(
        "quarantine", ("tenantId",), 30 * DAY_SECONDS, (("integrationId", "createdAt"), ("heldBy", "id"))
    ),
    Container("sync-conflicts", ("tenantId",), OWN_TTL, (("integrationId", "status", "createdAt"),)),
    Container("audit-log", ("tenantId", "month"), indexes=(("createdAt",),), is_busy=True),
    Container("audit-identities", ("tenantId",)),
    Container("config", ("scope",), indexes=(("name", "version"),)),
    Container("notifications", ("tenantId",), 90 * DAY_SECONDS, (("createdAt",),)),
    Container("dead-letters", ("tenantId",), 90 * DAY_SECONDS, (("status", "createdAt"),)),
    Container("webhook-inbox", ("tenantId", "integrationId"), 30 * DAY_SECONDS, (("createdAt",),)),
    Container("search-history", ("tenantId", "userId"), 90 * DAY_SECONDS, (("createdAt",),)),
    Container("leases", ("scope",), is_busy=True),
    Container("runtime-state", ("scope",), OWN_TTL, is_busy=True),
    Container("access-tokens", ("tenantId",), OWN_TTL),
    Container("oauth-states", ("state",), 600),
    Container("idempotency-keys", ("tenantId",), DAY_SECONDS),
    Container("tenants", ("tenantId",)),
    Container("alerts", ("tenantId",), OWN_TTL, (("status", "createdAt"),)),
    Container("entity-schemas", ("tenantId", "integrationId")),
    Container("outbound-intents", ("tenantId", "integrationId"), 30 * DAY_SECONDS),
    Container("webhook-routes", ("provider",)),
    Container("privacy-requests", ("tenantId",), indexes=(("createdAt",), ("kind", "status", "createdAt"))),
    Container("audit-digests", ("tenantId",)),
    Container("metrics-hourly", ("tenantId",), 90 * DAY_SECONDS, (("hour",),)),
    Container("archive-index", ("tenantId",), indexes=(("kind", "createdAt"),)),
)

CONTAINERS: dict[str, Container] = {container.name: container for container in _DECLARED}
"""Every container by name."""
