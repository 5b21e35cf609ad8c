"""Shards: what the syncs produced."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from functions._http import Answer, Call, Route
from functions._lists import Listing, ListQuery
from functions._roles import PLATFORM
from shared.domain.errors import InvalidRequestError, NotFoundError, Problem
from shared.domain.model import Id, Timestamp, WireModel
from shared.ports.documents import Document


class ShardSource(WireModel):
    """Which record a shard came from."""

    model_config = ConfigDict(extra="ignore")

    entity: str
    external_id: str
    modified_at: str | int | None = None
    hash: str
    execution_id: str


class Shard(WireModel):
    """A shard as the API shows it."""

    model_config = ConfigDict(extra="ignore")

    id: str
    shard_type_id: str
    integration_id: str
    data: dict[str, Any]
    source: ShardSource
    created_at: Timestamp
    updated_at: Timestamp
    etag: str


class ShardListQuery(ListQuery):
    """Which shards of an integration to list."""

    type: Id | None = Field(
        default=None, description="The shard type; may be left out if the integration has one."
    )


class ShardQuery(WireModel):
    """How to find one shard."""

    type: Id | None = Field(default=None, description="The shard's type; naming it is faster.")


class ShardChange(WireModel):
    """A shard as it is after its last write; of one that was deleted, only where it came from."""

    model_config = ConfigDict(extra="ignore")

    id: str
    shard_type_id: str
    integration_id: str
    deleted: bool
    data: dict[str, Any] | None
    source: ShardSource
    updated_at: Timestamp
    etag: str


class ShardChanges(WireModel):
    """A stretch of the stream. `following` is where to go on, now or later, also when nothing has changed."""

    items: tuple[ShardChange, ...]
    following: str


class ShardChangesQuery(WireModel):
    """Where in the stream to begin, and how much of it to return."""

    since: Annotated[str | None, Field(max_length=4000)] = Field(
        default=None,
        description="The `following` of an earlier answer; the beginning of everything without it.",
    )
    limit: Annotated[int, Field(ge=1, le=200, description="At most so many shards.")] = 50


async def list_shards(call: Call) -> Answer:
    """Answer with an integration's shards of one type, by id."""
    query = call.query(ShardListQuery)
    integration = await call.runtime.integrations.get(call.tenant_id, call.path["id"])
    types = sorted({mapping.shard_type_id for mapping in integration.entity_mappings})
    if query.type is None and len(types) != 1:
        cure = f"name one of: {', '.join(types)}" if types else "nothing is mapped now; name the type to list"
        raise InvalidRequestError("Which shards?", [Problem("type", cure)])
    page = await call.runtime.shards.page_of(
        call.tenant_id, query.type or types[0], integration.id, query.limit, query.continuation
    )
    return Answer(Listing[Shard](items=tuple(map(_shown, page.items)), continuation=page.continuation))


async def get_shard(call: Call) -> Answer:
    """Answer with one shard."""
    found = await call.runtime.shards.find(call.tenant_id, call.path["id"], call.query(ShardQuery).type)
    if found is None:
        raise NotFoundError(f"There is no shard {call.path['id']}; a sync may have deleted it.")
    return Answer(_shown(found))


async def list_changes(call: Call) -> Answer:
    """Answer with the tenant's shards in the order of their last writes, each as it is now."""
    query = call.query(ShardChangesQuery)
    changes = await call.runtime.shards.changes(call.tenant_id, query.since, query.limit)
    return Answer(ShardChanges(items=tuple(map(_change, changes.items)), following=changes.following))


def _change(document: Document) -> ShardChange:
    deleted = "deletedAt" in document.body
    data = None if deleted else document.body["data"]
    return ShardChange.model_validate(
        {**document.body, "data": data, "deleted": deleted, "etag": document.etag}
    )


def _shown(document: Document) -> Shard:
    return Shard.model_validate({**document.body, "etag": document.etag})


ROUTES = (
    Route(
        "ListShards",
        "GET",
        "integrations/{id}/shards",
        "An integration's shards of one type",
        list_shards,
        PLATFORM,
        Listing[Shard],
        query=ShardListQuery,
    ),
    Route(
        "ListShardChanges",
        "GET",
        "shards/changes",
        "The stream of changes to the tenant's shards",
        list_changes,
        PLATFORM,
        ShardChanges,
        query=ShardChangesQuery,
    ),
    Route("ReadShard", "GET", "shards/{id}", "One shard", get_shard, PLATFORM, Shard, query=ShardQuery),
)
