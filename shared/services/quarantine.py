"""Quarantine: what people do about rejected records, once a mapping or a rule is mended."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Literal

from shared.domain.errors import InvalidStateError, StaleWriteError
from shared.domain.integration import EntityMapping, Integration, IntegrationStatus
from shared.domain.mapping import CompiledMapping
from shared.domain.model import WireModel
from shared.ports.adapter import SourceRecord
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.model_repository import ModelPage
from shared.repositories.quarantine import QuarantineEntry, QuarantineRepository
from shared.repositories.shards import ShardRepository
from shared.resilience.lease import Lease, Leases
from shared.services.page_intake import PageContext, PageIntake


class Replayed(WireModel):
    """What became of a record that was taken again.

    `superseded`: its shard holds this version of the record or a later one already, so nothing was written.
    """

    outcome: Literal["stored", "superseded"]
    shard_id: str


class Quarantine:
    """Lists, discards and replays rejected records.

    Args:
        entries, integrations, shards: Where the documents are.
        intake: Takes a record again.
        leases: Keep a replay and a sync of one integration apart.
        new_id: Makes the id that a replayed shard names instead of a run's.
    """

    def __init__(
        self,
        entries: QuarantineRepository,
        integrations: IntegrationRepository,
        shards: ShardRepository,
        intake: PageIntake,
        leases: Leases,
        new_id: Callable[[], str],
    ) -> None:
        self._entries = entries
        self._integrations = integrations
        self._shards = shards
        self._intake = intake
        self._leases = leases
        self._new_id = new_id

    async def page(
        self, tenant_id: str, integration_id: str, limit: int, continuation: str | None
    ) -> ModelPage[QuarantineEntry]:
        """Return one page of an integration's rejected records, the newest first.

        Raises:
            NotFoundError: The tenant has no such integration.
        """
        integration = await self._integrations.get(tenant_id, integration_id)
        return await self._entries.page_of(tenant_id, integration.id, limit, continuation)

    async def discard(self, tenant_id: str, entry_id: str, if_match: str | None) -> None:
        """Forget a rejected record.

        Raises:
            NotFoundError: The tenant has no such entry.
            StaleWriteError: The record was rejected anew since the caller, or this call, read the entry.
        """
        entry = await self._entries.get(tenant_id, entry_id)
        await self._entries.delete(entry.changed(etag=if_match or entry.etag))

    async def replay(self, tenant_id: str, entry_id: str) -> Replayed:
        """Take a rejected record again, with the integration's present mapping, and remove its entry.

        Doing it again after a crash in the middle writes nothing twice.

        Raises:
            NotFoundError: The tenant has no such entry, or its integration is gone.
            InvalidStateError: It was rejected again, with the reasons; or it can't be replayed as things are.
            LeaseHeldError: A sync of the integration is at work.
        """
        integration_id = (await self._entries.get(tenant_id, entry_id)).integration_id
        async with self._leases.hold(tenant_id, f"sync.{integration_id}") as lease:
            entry = await self._entries.get(tenant_id, entry_id)
            integration = await self._integrations.get(tenant_id, integration_id)
            mapping = _mapping(integration, entry.entity)
            replayed = await self._taken(entry, integration, mapping, lease)
            lease.check()
            with contextlib.suppress(StaleWriteError):  # rejected anew meanwhile: that entry stays
                await self._entries.delete(entry)
        return replayed

    async def _taken(
        self, entry: QuarantineEntry, integration: Integration, mapping: EntityMapping, lease: Lease
    ) -> Replayed:
        if entry.record is None:
            raise InvalidStateError("The record was too large to be kept; sync it again instead.")
        if await self._is_superseded(entry, mapping):
            return Replayed(outcome="superseded", shard_id=entry.id)
        record = SourceRecord(entry.external_id, entry.record, entry.modified_at)
        page = PageContext(entry.tenant_id, integration, self._new_id(), mapping, 0, lease)
        stored = await self._intake.store(page, [record], CompiledMapping(mapping))
        if stored.counts.rejected:
            codes = ", ".join(sorted({error.error for error in stored.quality.errors}))
            raise InvalidStateError(f"The record was rejected again: {codes}.")
        return Replayed(outcome="stored", shard_id=entry.id)

    async def _is_superseded(self, entry: QuarantineEntry, mapping: EntityMapping) -> bool:
        """True if a later sync stored the record as it is in quarantine or newer, or its deletion."""
        found = await self._shards.read_many(entry.tenant_id, mapping.shard_type_id, [entry.id])
        stored = found[entry.id].body["source"]["modifiedAt"] if entry.id in found else None
        match stored, entry.modified_at:
            case (str() as ours, str() as theirs):
                return ours >= theirs
            case (int() as ours, int() as theirs):
                return ours >= theirs
        return False


def _mapping(integration: Integration, entity: str) -> EntityMapping:
    """Return the mapping of an entity, under the conditions of a sync."""
    mapping = integration.mapping_of(entity)
    if integration.status is not IntegrationStatus.ACTIVE:
        raise InvalidStateError("The integration is not active; activate it first.")
    if mapping is None:
        raise InvalidStateError(f"The entity {entity} is no longer mapped; map it first.")
    return mapping
