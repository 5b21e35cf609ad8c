"""Integrations: a tenant's configured providers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field, create_model

from functions._http import Answer, Call, Route
from functions._lists import Listing, ListQuery
from functions._roles import READERS, SUPER_OR_TENANT, TENANT
from functions._started import SyncStarted, started
from shared.domain.integration import Integration, IntegrationSettings
from shared.domain.model import Id, WireModel
from shared.domain.sync import SyncMode, Trigger
from shared.services.integrations import NewIntegration


def _optional_fields(model: type[WireModel]) -> dict[str, Any]:
    """Return a model's fields, each with its type and rules, and none of them required."""
    return {
        name: (Annotated[info.annotation, Field(description=info.description), *info.metadata], None)
        for name, info in model.model_fields.items()
    }


IntegrationChanges: type[WireModel] = create_model(
    "IntegrationChanges",
    __base__=WireModel,
    __doc__="Some of an integration's settings; those left out stay as they are.",
    **_optional_fields(IntegrationSettings),
)


class SyncOrder(WireModel):
    """What to sync: one entity or all, what changed or everything."""

    entity: Id | None = None
    mode: SyncMode = SyncMode.INCREMENTAL


async def list_integrations(call: Call) -> Answer:
    """Answer with the tenant's integrations."""
    query = call.query(ListQuery)
    page = await call.runtime.integrations.page(call.tenant_id, query.limit, query.continuation)
    return Answer(Listing[Integration](items=tuple(map(_shown, page.items)), continuation=page.continuation))


async def get_integration(call: Call) -> Answer:
    """Answer with one integration."""
    return Answer(_shown(await call.runtime.integrations.get(call.tenant_id, call.path["id"])))


async def create_integration(call: Call) -> Answer:
    """Enable a provider for the tenant."""
    created = await call.runtime.integrations.create(
        call.tenant_id, call.body(NewIntegration), call.object_id
    )
    return Answer(_shown(created), HTTPStatus.CREATED, {"Location": f"/api/integrations/{created.id}"})


async def change_integration(call: Call) -> Answer:
    """Change some of an integration's settings."""
    changes = call.body(IntegrationChanges).model_dump(mode="json", exclude_unset=True)
    updated = await call.runtime.integrations.update(call.tenant_id, call.path["id"], changes, call.if_match)
    return Answer(_shown(updated))


async def activate(call: Call) -> Answer:
    """Let an integration sync."""
    return await _set_active(call, active=True)


async def disable(call: Call) -> Answer:
    """Stop an integration from syncing."""
    return await _set_active(call, active=False)


async def start_sync(call: Call) -> Answer:
    """Start a run; the answer comes at once, the work is done by the queue."""
    order = call.body(SyncOrder)
    integration = await call.runtime.integrations.get(call.tenant_id, call.path["id"])
    execution = await call.runtime.sync_requests.start(
        integration, order.mode, Trigger.MANUAL, call.request_id, order.entity, call.object_id
    )
    return started(execution)


async def _set_active(call: Call, *, active: bool) -> Answer:
    integrations = call.runtime.integrations
    changed = await integrations.set_active(call.tenant_id, call.path["id"], call.if_match, active=active)
    return Answer(_shown(changed))


def _shown(integration: Integration) -> Integration:
    """What callers compare is what people changed; the store's own ETag counts the system's notes too."""
    return integration.changed(etag=str(integration.revision))


_ONE = "integrations/{id}"

ROUTES = (
    Route(
        "ListIntegrations",
        "GET",
        "integrations",
        "The tenant's integrations",
        list_integrations,
        READERS,
        Listing[Integration],
        query=ListQuery,
    ),
    Route("ReadIntegration", "GET", _ONE, "One integration", get_integration, READERS, Integration),
    Route(
        "CreateIntegration",
        "POST",
        "integrations",
        "Enable and configure a provider",
        create_integration,
        TENANT,
        Integration,
        body=NewIntegration,
        status=HTTPStatus.CREATED,
        takes_key=True,
    ),
    Route(
        "ChangeIntegration",
        "PATCH",
        _ONE,
        "Change some of an integration's settings",
        change_integration,
        TENANT,
        Integration,
        body=IntegrationChanges,
        takes_if_match=True,
    ),
    Route(
        "ActivateIntegration",
        "POST",
        f"{_ONE}/activate",
        "Let it sync",
        activate,
        SUPER_OR_TENANT,
        Integration,
        takes_if_match=True,
    ),
    Route(
        "DisableIntegration",
        "POST",
        f"{_ONE}/disable",
        "Stop it from syncing",
        disable,
        SUPER_OR_TENANT,
        Integration,
        takes_if_match=True,
    ),
    Route(
        "StartSync",
        "POST",
        f"{_ONE}/sync",
        "Start a sync run",
        start_sync,
        TENANT,
        SyncStarted,
        body=SyncOrder,
        status=HTTPStatus.ACCEPTED,
        takes_key=True,
    ),
)
