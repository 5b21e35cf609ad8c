"""Executions: the records of sync runs."""

from __future__ import annotations

from http import HTTPStatus

from functions._http import Answer, Call, Route
from functions._lists import Listing, ListQuery
from functions._roles import SUPER_OR_TENANT, TENANT
from functions._started import SyncStarted, started
from shared.domain.quality import IntegrationQuality
from shared.domain.sync import SyncExecution


async def list_executions(call: Call) -> Answer:
    """Answer with an integration's runs, the newest first."""
    query = call.query(ListQuery)
    integration = await call.runtime.integrations.get(call.tenant_id, call.path["id"])
    page = await call.runtime.executions.page_of(
        call.tenant_id, integration.id, query.limit, query.continuation
    )
    return Answer(Listing[SyncExecution](items=page.items, continuation=page.continuation))


async def get_execution(call: Call) -> Answer:
    """Answer with one run."""
    return Answer(await call.runtime.executions.get(call.tenant_id, call.path["id"]))


async def get_quality(call: Call) -> Answer:
    """Answer with the quality of what the last finished run of an integration to read anything has read."""
    return Answer(await call.runtime.run_records.last_quality(call.tenant_id, call.path["id"]))


async def cancel(call: Call) -> Answer:
    """End a run; what it has stored stays."""
    return Answer(await call.runtime.run_records.cancel(call.tenant_id, call.path["id"], call.if_match))


async def confirm_deletions(call: Call) -> Answer:
    """Start a run that deletes what this one has held."""
    held = call.runtime.held_deletions
    return started(await held.confirm(call.tenant_id, call.path["id"], call.request_id, call.object_id))


ROUTES = (
    Route(
        "ListExecutions",
        "GET",
        "integrations/{id}/executions",
        "An integration's sync runs",
        list_executions,
        SUPER_OR_TENANT,
        Listing[SyncExecution],
        query=ListQuery,
    ),
    Route(
        "ReadExecution",
        "GET",
        "executions/{id}",
        "One sync run",
        get_execution,
        SUPER_OR_TENANT,
        SyncExecution,
    ),
    Route(
        "ReadQuality",
        "GET",
        "integrations/{id}/quality",
        "The data quality of an integration's last finished run that has read any record",
        get_quality,
        SUPER_OR_TENANT,
        IntegrationQuality,
    ),
    Route(
        "CancelExecution",
        "POST",
        "executions/{id}/cancel",
        "End a sync run at once; what it has stored stays",
        cancel,
        TENANT,
        SyncExecution,
        takes_if_match=True,
    ),
    Route(
        "ConfirmDeletions",
        "POST",
        "executions/{id}/confirm-deletions",
        "Delete what a sync run found or was told gone and held; it is done by a run of its own",
        confirm_deletions,
        TENANT,
        SyncStarted,
        status=HTTPStatus.ACCEPTED,
        takes_key=True,
    ),
)
