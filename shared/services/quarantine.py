"""Quarantine: what people do about rejected records, once a mapping is mended, and about held deletions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from shared.domain.errors import InvalidStateError, StaleWriteError
from shared.domain.integration import EntityMapping, Integration
from shared.domain.model import WireModel
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.model_repository import ModelPage
from shared.repositories.quarantine import QuarantineEntry, QuarantineRepository
from shared.resilience.lease import Lease, Leases
from shared.services.retaking import Retaking, sync_lease


class Replayed(WireModel):
    """What became of a record that was taken again.

    `superseded`: its shard holds this version of the record or a later one already, so nothing was written.
    A held deletion that was done is `stored`.
    """

    outcome: Literal["stored", "superseded"]
    shard_id: str


class Quarantine:
    """Lists, discards and replays rejected records.

    Args:
        entries, integrations: Where the documents are.
        retaking: Takes a record again.
        leases: Keep a replay and a sync of one integration apart.
        new_id: Makes the id that a replayed shard names instead of a run's.
    """

    def __init__(
        self,
        entries: QuarantineRepository,
        integrations: IntegrationRepository,
        retaking: Retaking,
        leases: Leases,
        new_id: Callable[[], str],
    ) -> None:
        self._entries = entries
        self._integrations = integrations
        self._retaking = retaking
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

    async def replay(self, tenant_id: str, entry_id: str, if_match: str | None = None) -> Replayed:
        """Take a rejected record again, with the integration's present mapping, and remove its entry.

        Doing it again after a crash in the middle writes nothing twice.

        Raises:
            NotFoundError: The tenant has no such entry, or its integration is gone.
            StaleWriteError: `if_match` is not the entry's version: it was rejected anew.
            InvalidStateError: It was rejected again, with the reasons; or it can't be replayed as things are.
            LeaseHeldError: A sync of the integration is at work.
        """
        integration_id = (await self._entries.get(tenant_id, entry_id)).integration_id
        async with sync_lease(self._leases, tenant_id, integration_id) as lease:
            entry = await self._entries.get(tenant_id, entry_id)
            if if_match not in {None, entry.etag}:
                raise StaleWriteError("The record was rejected anew since you read its entry; read it again.")
            integration = await self._integrations.get(tenant_id, integration_id)
            return await self._taken(entry, integration, lease)

    async def _taken(self, entry: QuarantineEntry, integration: Integration, lease: Lease) -> Replayed:
        mapping = _mapping(integration, entry.entity)
        if entry.record is None:
            raise InvalidStateError("The record was too large to be kept; sync it again instead.")
        if entry.is_malformed:
            raise InvalidStateError(_malformed(entry))
        taken = await self._retaking.take([entry], integration, mapping, self._new_id(), lease)
        if taken.rejected:
            raise InvalidStateError(f"The record was rejected again: {', '.join(taken.codes)}.")
        return Replayed(outcome="superseded" if taken.superseded else "stored", shard_id=entry.id)


def _malformed(entry: QuarantineEntry) -> str:
    """Say what to do about a record that no mapping can mend."""
    codes = ", ".join(reason.code for reason in entry.reasons)
    end = "discard this entry" if entry.is_nameless else "the record leaves quarantine then"
    return (
        f"The record came malformed ({codes}), so that it can't be mapped. Correct it at its source, or the"
        f" provider's document, and sync in full; {end}."
    )


def _mapping(integration: Integration, entity: str) -> EntityMapping:
    """Return the mapping of an entity, under the conditions of a sync."""
    integration.require_active()
    mapping = integration.mapping_of(entity)
    if mapping is None:
        raise InvalidStateError(f"The entity {entity} is no longer mapped; map it first.")
    return mapping
