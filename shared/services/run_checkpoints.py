"""The checkpoints of a run in progress: loaded for what is mapped now, saved under the lease."""

from __future__ import annotations

from shared.domain.errors import (
    AlreadyExistsError,
    ConfigurationError,
    LeaseLostError,
    StaleWriteError,
)
from shared.domain.integration import EntityMapping, Integration
from shared.domain.shards import content_hash
from shared.domain.sync import Checkpoint, RunProgress
from shared.repositories.checkpoints import CheckpointRepository
from shared.resilience.lease import Lease
from shared.telemetry.logs import get_logger

_log = get_logger("sync")


class RunCheckpoints:
    """Loads and saves how far the entities of a run are."""

    def __init__(self, checkpoints: CheckpointRepository) -> None:
        self._checkpoints = checkpoints

    async def load(self, integration: Integration, entity: str) -> Checkpoint:
        """Return an entity's checkpoint, at its beginning if its source or mapping is another by now.

        Raises:
            ConfigurationError: The entity is not mapped.
        """
        return as_mapped(integration, await self.stored(integration.tenant_id, integration.id, entity))

    async def stored(self, tenant_id: str, integration_id: str, entity: str) -> Checkpoint:
        """Return an entity's checkpoint as it is stored, whatever is mapped now."""
        return await self._checkpoints.load(tenant_id, integration_id, entity)

    async def save(
        self, checkpoint: Checkpoint, progress: RunProgress, lease: Lease, **changes: object
    ) -> Checkpoint:
        """Store how far a run is. Its watermark counts once the entity is done.

        Raises:
            LeaseLostError: Somebody else has gone on with the run.
        """
        _log.debug("phase checkpoint")
        lease.check()
        if checkpoint.fencing_token > lease.fencing_token:
            raise LeaseLostError("A later holder of the lease has gone on with this run.")
        if progress.done and progress.watermark is not None:
            changes |= {"watermark": progress.watermark, "deletions_since": None}
        try:
            return await self._checkpoints.save(
                checkpoint.changed(run=progress, fencing_token=lease.fencing_token, **changes)
            )
        except (StaleWriteError, AlreadyExistsError):
            raise LeaseLostError("Another process has gone on with this run.") from None


def as_mapped(integration: Integration, checkpoint: Checkpoint) -> Checkpoint:
    """Return a stored checkpoint, at its beginning if its source or mapping is another by now.

    Raises:
        ConfigurationError: The entity is not mapped.
    """
    return checkpoint.reading(_source(integration, mapping_of(integration, checkpoint.entity)))


def mapping_of(integration: Integration, entity: str) -> EntityMapping:
    """Return the mapping of an entity.

    Raises:
        ConfigurationError: There is none.
    """
    mapping = integration.mapping_of(entity)
    if mapping is None:
        raise ConfigurationError(f"The entity {entity} is no longer mapped; start a new sync.")
    return mapping


def _source(integration: Integration, mapping: EntityMapping) -> str:
    """Return a hash of where records come from and what they become: a watermark is only good for that."""
    return content_hash({"settings": integration.settings, "mapping": mapping.model_dump(mode="json")})
