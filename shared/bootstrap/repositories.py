"""What the services read and write."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.provider import ProviderDocument
from shared.ports.clock import Clock
from shared.ports.documents import DocumentStore
from shared.repositories.active_runs import ActiveRunRepository
from shared.repositories.checkpoints import CheckpointRepository
from shared.repositories.connections import ConnectionRepository
from shared.repositories.executions import ExecutionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.notifications import NotificationRepository
from shared.repositories.providers import ProviderRepository
from shared.repositories.quarantine import QuarantineRepository
from shared.repositories.seen_marks import SeenMarks
from shared.repositories.shards import ShardRepository


class Repositories:
    """Those that several services share, over one store."""

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        self.integrations = IntegrationRepository(documents)
        self.executions = ExecutionRepository(documents)
        self.shards = ShardRepository(documents)
        self.providers = ProviderRepository(documents, _shipped_providers, clock)
        self.active_runs = ActiveRunRepository(documents, self.executions, clock)
        self.checkpoints = CheckpointRepository(documents, clock)
        self.quarantine = QuarantineRepository(documents)
        self.seen_marks = SeenMarks(documents, clock)
        self.connections = ConnectionRepository(documents)
        self.notifications = NotificationRepository(documents)


def _shipped_providers() -> Sequence[ProviderDocument]:
    from shared.adapters.catalog.catalog import shipped_providers

    return shipped_providers()
