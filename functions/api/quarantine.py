"""Quarantine: records that were rejected, deletions that are held, and what to do about them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from pydantic import Field

from functions._http import Answer, Call, Route
from functions._lists import Listing, ListQuery
from functions._roles import SUPER_OR_TENANT, TENANT
from shared.domain.errors import Reason
from shared.domain.model import Timestamp, WireModel
from shared.repositories.quarantine import QuarantineEntry
from shared.services.bulk_replay import BulkReplayed
from shared.services.quarantine import Replayed


class RejectedRecord(WireModel):
    """A rejected record as the API shows it, without its data: that may be 2 MB, and about people.

    `replayable` is false where the record was too large to be kept, or malformed. A deletion that waits to be
    confirmed has the reason `deletion_held`; to replay it does it.
    """

    id: str
    integration_id: str
    execution_id: str
    entity: str
    external_id: str
    modified_at: str | int | None
    reasons: tuple[Reason, ...]
    replayable: bool
    created_at: Timestamp
    etag: str | None


class ReplayOrder(WireModel):
    """How many rejected records to take again, and where to go on."""

    limit: Annotated[int, Field(ge=1, le=1000, description="At most so many, the oldest first.")] = 1000
    continuation: Annotated[str | None, Field(max_length=8000, description="From the answer before.")] = None


async def list_quarantine(call: Call) -> Answer:
    """Answer with an integration's rejected records, the newest first."""
    query = call.query(ListQuery)
    page = await call.runtime.quarantine.page(
        call.tenant_id, call.path["id"], query.limit, query.continuation
    )
    items = tuple(map(_shown, page.items))
    return Answer(Listing[RejectedRecord](items=items, continuation=page.continuation))


async def discard(call: Call) -> Answer:
    """Forget a rejected record."""
    await call.runtime.quarantine.discard(call.tenant_id, call.path["id"], call.if_match)
    return Answer(status=HTTPStatus.NO_CONTENT)


async def replay(call: Call) -> Answer:
    """Take a rejected record again; 409 if it is rejected again."""
    return Answer(await call.runtime.quarantine.replay(call.tenant_id, call.path["id"], call.if_match))


async def replay_all(call: Call) -> Answer:
    """Take an integration's rejected records again, as many as there is time for."""
    order = call.body(ReplayOrder)
    replayed = await call.runtime.bulk_replay.run(
        call.tenant_id, call.path["id"], order.limit, order.continuation
    )
    return Answer(replayed)


def _shown(entry: QuarantineEntry) -> RejectedRecord:
    return RejectedRecord(
        id=entry.id,
        integration_id=entry.integration_id,
        execution_id=entry.execution_id,
        entity=entry.entity,
        external_id=entry.external_id,
        modified_at=entry.modified_at,
        reasons=entry.reasons,
        replayable=entry.record is not None and not entry.is_malformed,
        created_at=entry.created_at,
        etag=entry.etag,
    )


ROUTES = (
    Route(
        "ListQuarantine",
        "GET",
        "integrations/{id}/quarantine",
        "An integration's rejected records and held deletions",
        list_quarantine,
        SUPER_OR_TENANT,
        Listing[RejectedRecord],
        query=ListQuery,
    ),
    Route(
        "DiscardQuarantined",
        "POST",
        "quarantine/{id}/discard",
        "Forget a rejected record or a held deletion",
        discard,
        TENANT,
        status=HTTPStatus.NO_CONTENT,
        takes_if_match=True,
    ),
    Route(
        "ReplayQuarantined",
        "POST",
        "quarantine/{id}/replay",
        "Take a rejected record again, with the present mapping, or do a held deletion",
        replay,
        TENANT,
        Replayed,
        takes_if_match=True,
        takes_key=True,
    ),
    Route(
        "ReplayQuarantine",
        "POST",
        "integrations/{id}/quarantine/replay",
        "Take all of an integration's rejected records again, no deletions; call until no `continuation`",
        replay_all,
        TENANT,
        BulkReplayed,
        body=ReplayOrder,
        takes_key=True,
    ),
)
