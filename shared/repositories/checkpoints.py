"""Checkpoints of inbound syncs."""

from __future__ import annotations

from shared.domain.sync import Checkpoint
from shared.ports.clock import Clock
from shared.ports.documents import Delete, DocumentStore, Query
from shared.repositories.model_repository import ModelRepository

_CONTAINER = "checkpoints"


class CheckpointRepository:
    """One checkpoint for each entity of an integration."""

    def __init__(self, store: DocumentStore, clock: Clock) -> None:
        self._store = store
        self._models = ModelRepository(store, _CONTAINER, Checkpoint)
        self._clock = clock

    async def load(self, tenant_id: str, integration_id: str, entity: str) -> Checkpoint:
        """Return what is stored, or a checkpoint at the beginning."""
        checkpoint_id = f"inbound.{entity}"
        found = await self._models.get((tenant_id, integration_id), checkpoint_id)
        now = self._clock.now()
        return found or Checkpoint(
            id=checkpoint_id,
            tenant_id=tenant_id,
            integration_id=integration_id,
            entity=entity,
            created_at=now,
            updated_at=now,
        )

    async def save(self, checkpoint: Checkpoint) -> Checkpoint:
        """Store a checkpoint over the version that it came from.

        Raises:
            StaleWriteError, AlreadyExistsError: Another process has written it meanwhile.
        """
        checkpoint = checkpoint.changed(updated_at=self._clock.now())
        if checkpoint.etag is None:
            return await self._models.create(checkpoint)
        return await self._models.replace(checkpoint)

    async def delete_all(self, tenant_id: str, integration_id: str) -> None:
        """Remove everything in an integration's partition: its checkpoints, and which run is under way."""
        partition = (tenant_id, integration_id)
        while found := (await self._store.query(_CONTAINER, Query(partition, limit=100))).items:
            await self._store.write_many(
                _CONTAINER, partition, [Delete(document.body["id"]) for document in found]
            )
