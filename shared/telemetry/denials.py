"""Denied accesses: refused, and never without a line in the log."""

from __future__ import annotations

from shared.domain.access import Denial, Operation, denial_of, entity_denial_of
from shared.domain.errors import AccessDeniedError
from shared.domain.integration import Integration
from shared.telemetry.logs import get_logger, log_context

_log = get_logger("access")


def require_access(
    integration: Integration, tenant_id: str, shard_type_id: str, operation: Operation
) -> None:
    """Make sure that an integration may touch a tenant's shards of a type; log it if not.

    The line bears the request id of the work at hand, as every line does.

    Raises:
        AccessDeniedError: It may not.
    """
    _refuse(denial_of(integration, tenant_id, shard_type_id, operation))


def require_entity_access(
    integration: Integration, tenant_id: str, entity: str, operation: Operation
) -> None:
    """Make sure that an integration may exchange an entity's records for a tenant; log it if not.

    Raises:
        AccessDeniedError: It may not.
    """
    _refuse(entity_denial_of(integration, tenant_id, entity, operation))


def _refuse(denial: Denial | None) -> None:
    if denial is None:
        return
    with log_context(tenant_id=denial.tenant_id, integration_id=denial.integration_id):
        _log.warning(
            "Access denied",
            extra={
                "metadata": {
                    "operation": denial.operation,
                    "shardTypeId": denial.shard_type_id,
                    "reason": denial.reason,
                }
            },
        )
    raise AccessDeniedError(denial.reason)
