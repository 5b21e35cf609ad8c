"""Taking all of an integration's rejected records again, after a mapping was mended."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from itertools import groupby
from operator import attrgetter

from shared.domain.errors import InvalidRequestError, Problem
from shared.domain.integration import Integration
from shared.domain.model import Id, Timestamp, WireModel, rfc3339
from shared.ports.clock import Clock
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.model_repository import ModelPage
from shared.repositories.quarantine import QuarantineEntry, QuarantineRepository
from shared.resilience.lease import Lease, Leases
from shared.services.retaking import Retaking, Taken, sync_lease

BATCH_SIZE = 100
"""Entries in hand at once; each holds a record of up to 2 MB."""

MAX_SECONDS = 20.0
"""No batch is begun after this time: callers wait for the answer, and Azure lets them for 230 s."""


class BulkReplayed(WireModel):
    """What became of entries that were taken again.

    Attributes:
        stored: They became shards, and their entries are gone.
        superseded: Their shards hold this version of the record or a later one; their entries are gone.
        rejected: Rejected again; their entries stay, with the present reasons.
        not_replayable: Too large to be kept, malformed, of an entity that is no longer mapped, or deletions
            that wait to be confirmed; their entries stay.
        continuation: For the next call, which goes on with the rest; null when every entry was tried.
    """

    stored: int
    superseded: int
    rejected: int
    not_replayable: int
    continuation: str | None


class _Place(WireModel):
    """Where a replay is: its id, the time up to which entries belong to it, and the store's own place."""

    replay_id: Id
    until: Timestamp
    page: str | None = None


class BulkReplay:
    """Replays an integration's quarantine, the oldest entries first.

    Args:
        entries, integrations: Where the documents are.
        retaking: Takes records again.
        leases: Keep a replay and a sync of one integration apart.
        clock: Time.
        new_id: Makes the ids that replayed shards name instead of a run's.
    """

    def __init__(
        self,
        entries: QuarantineRepository,
        integrations: IntegrationRepository,
        retaking: Retaking,
        leases: Leases,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._entries = entries
        self._integrations = integrations
        self._retaking = retaking
        self._leases = leases
        self._clock = clock
        self._new_id = new_id

    async def run(
        self, tenant_id: str, integration_id: str, limit: int, continuation: str | None
    ) -> BulkReplayed:
        """Take entries again, at most `limit` and for at most MAX_SECONDS, and tell where to go on.

        An entry is tried once: what is rejected again meanwhile is not tried again by later calls. Repeating
        a call, after a crash too, takes what is left.

        Raises:
            NotFoundError: The tenant has no such integration.
            InvalidRequestError: The continuation is none.
            InvalidStateError: The integration is not active.
            LeaseHeldError: A sync of the integration is at work.
        """
        integration = await self._integrations.get(tenant_id, integration_id)
        integration.require_active()
        place = _read(continuation) if continuation else self._beginning()
        async with sync_lease(self._leases, tenant_id, integration_id) as lease:
            return await self._replayed(integration, place, limit, lease)

    def _beginning(self) -> _Place:
        return _Place(replay_id=self._new_id(), until=self._clock.now())

    async def _replayed(
        self, integration: Integration, place: _Place, limit: int, lease: Lease
    ) -> BulkReplayed:
        deadline = self._clock.monotonic() + MAX_SECONDS
        total, left_out, seen, following = Taken(), 0, 0, place.page
        while True:
            page = await self._page(integration, place, min(BATCH_SIZE, limit - seen), following)
            fresh = [entry for entry in page.items if entry.execution_id != place.replay_id]
            taken = await self._batch(integration, fresh, place.replay_id, lease)
            total += taken
            left_out += len(fresh) - taken.count
            seen += len(page.items)
            following = page.continuation
            if following is None or seen >= limit or self._clock.monotonic() >= deadline:
                break
        return BulkReplayed(
            stored=total.stored,
            superseded=total.superseded,
            rejected=total.rejected,
            not_replayable=left_out,
            continuation=_written(place, following),
        )

    async def _page(
        self, integration: Integration, place: _Place, size: int, following: str | None
    ) -> ModelPage[QuarantineEntry]:
        until = rfc3339(place.until)
        return await self._entries.oldest_of(integration.tenant_id, integration.id, until, size, following)

    async def _batch(
        self, integration: Integration, entries: Iterable[QuarantineEntry], replay_id: str, lease: Lease
    ) -> Taken:
        kept = sorted(filter(_is_replayable, entries), key=attrgetter("entity"))
        taken = Taken()
        for entity, group in groupby(kept, key=attrgetter("entity")):
            mapping = integration.mapping_of(entity)
            if mapping is not None:
                taken += await self._retaking.take(list(group), integration, mapping, replay_id, lease)
        return taken


def _is_replayable(entry: QuarantineEntry) -> bool:
    """Mending a mapping is no word about deletions, and mends no malformed record."""
    return entry.record is not None and entry.held_by is None and not entry.is_malformed


def _written(place: _Place, following: str | None) -> str | None:
    if following is None:
        return None
    text = place.model_copy(update={"page": following}).model_dump_json(by_alias=True)
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read(continuation: str) -> _Place:
    try:
        return _Place.model_validate_json(base64.b64decode(continuation, altchars=b"-_", validate=True))
    except ValueError:
        problem = Problem("continuation", "is none that a replay gave; leave it out to begin anew")
        raise InvalidRequestError("The continuation can't be read.", [problem]) from None
