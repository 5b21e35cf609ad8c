"""Executions: the records of sync runs."""

from __future__ import annotations

from functions._http import Answer, Call, Route
from functions._lists import Listing, ListQuery
from functions._roles import SUPER_OR_TENANT
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
)
