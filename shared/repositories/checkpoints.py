"""Checkpoints of inbound syncs."""

from __future__ import annotations

from shared.domain.sync import Checkpoint, SyncExecution
from shared.ports.clock import Clock
from shared.ports.documents import Delete, DocumentStore, Query
from shared.repositories.active_runs import ACTIVE_RUN_ID
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
        found = await self._models.get((tenant_id, integration_id), _id_of(entity))
        return found or self._beginning(tenant_id, integration_id, entity)

    async def of_run(self, execution: SyncExecution) -> list[Checkpoint] | None:
        """Return what `load` would of each of a run's entities; None if it is not its integration's one.

        Both are in one partition, so that a step asks once.
        """
        tenant_id, integration_id = execution.tenant_id, execution.integration_id
        ids = [ACTIVE_RUN_ID, *map(_id_of, execution.entities)]
        found = await self._store.read_many(_CONTAINER, (tenant_id, integration_id), ids)
        active = found.get(ACTIVE_RUN_ID)
        if active is None or active.body["executionId"] != execution.id:
            return None
        return [
            self._models.loaded(found[_id_of(entity)])
            if _id_of(entity) in found
            else self._beginning(tenant_id, integration_id, entity)
            for entity in execution.entities
        ]

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

    def _beginning(self, tenant_id: str, integration_id: str, entity: str) -> Checkpoint:
        now = self._clock.now()
        return Checkpoint(
            id=_id_of(entity),
            tenant_id=tenant_id,
            integration_id=integration_id,
            entity=entity,
            created_at=now,
            updated_at=now,
        )


def _id_of(entity: str) -> str:
    return f"inbound.{entity}"
