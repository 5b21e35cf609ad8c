"""The deletion of an integration: its steps, and the record that it is complete."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from shared.domain.model import Id, StoredModel, Timestamp, WireModel


class DeletionStep(StrEnum):
    """The guide's steps ("Integration Deletion"), in their order; the sixth, to confirm, ends the record.

    `history` removes checkpoints and quarantine. Records of runs stay for their 30 days, in which they are
    archived; shards are the host platform's.
    """

    DISABLED = "disabled"
    RUNS_STOPPED = "runsStopped"
    CREDENTIALS_DELETED = "credentialsDeleted"
    INTEGRATION_DELETED = "integrationDeleted"
    HISTORY = "history"


class CompletedStep(WireModel):
    """A step that is done, and when."""

    step: DeletionStep
    at: Timestamp


class DeletionRecord(StoredModel):
    """What happened, for whoever asks later. It holds ids and times, and nothing of the integration's data.

    Attributes:
        actor: Who asked for it.
        completed_at: The confirmation; None while steps are missing.
    """

    kind: Literal["integrationDeletion"] = "integrationDeletion"
    tenant_id: Id
    integration_id: Id
    provider_id: Id
    actor: str
    status: Literal["running", "completed"] = "running"
    steps: tuple[CompletedStep, ...] = ()
    completed_at: Timestamp | None = None

    @property
    def missing(self) -> tuple[DeletionStep, ...]:
        """The steps that are still to be done, in their order."""
        done = {completed.step for completed in self.steps}
        return tuple(step for step in DeletionStep if step not in done)


def deletion_id(integration_id: str) -> str:
    """Return the id of the record of an integration's deletion."""
    return f"deletion.{integration_id}"
