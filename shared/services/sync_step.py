"""What the parts of one step of a run share."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.integration import EntityMapping, Integration
from shared.domain.sync import SyncExecution
from shared.resilience.lease import Lease
from shared.services.page_intake import PageContext


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run, under the lease of its integration. It begins nothing new after `deadline`."""

    execution: SyncExecution
    integration: Integration
    lease: Lease
    deadline: float

    def page(self, mapping: EntityMapping, number: int) -> PageContext:
        """Return where a page of the run belongs."""
        tenant_id = self.execution.tenant_id
        return PageContext(tenant_id, self.integration, self.execution.id, mapping, number, self.lease)
