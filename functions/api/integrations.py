"""Integrations: a tenant's configured providers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field, SecretStr, create_model

from functions._http import Answer, Call, Route
from functions._lists import Listing, ListQuery
from functions._roles import READERS, SUPER_OR_TENANT, TENANT
from functions._started import SyncStarted, started
from shared.domain.integration import Integration, IntegrationSettings
from shared.domain.model import Id, WireModel
from shared.domain.sync import SyncMode, Trigger
from shared.services.connection_test import ConnectionReport, SmokeReport
from shared.services.credentials import CredentialVersion, StoredVersion
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


class StaticCredentials(WireModel):
    """Keys or passwords, by the names that the provider's document asks for."""

    values: Annotated[dict[str, Annotated[SecretStr, Field(max_length=8000)]], Field(max_length=10)]


class CredentialVersions(WireModel):
    """An integration's stored credentials, newest first."""

    items: tuple[StoredVersion, ...]


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


async def delete_integration(call: Call) -> Answer:
    """Remove a disabled integration."""
    await call.runtime.integrations.delete(call.tenant_id, call.path["id"], call.if_match)
    return Answer(status=HTTPStatus.NO_CONTENT)


async def activate(call: Call) -> Answer:
    """Let an integration sync."""
    return await _set_active(call, active=True)


async def disable(call: Call) -> Answer:
    """Stop an integration from syncing."""
    return await _set_active(call, active=False)


async def set_credentials(call: Call) -> Answer:
    """Store an integration's keys; the answer tells the version, never a value."""
    values = {name: value.get_secret_value() for name, value in call.body(StaticCredentials).values.items()}
    stored = await call.runtime.integrations.set_credentials(
        call.tenant_id, call.path["id"], values, _actor(call), call.if_match
    )
    return Answer(stored)


async def rotate_credentials(call: Call) -> Answer:
    """Try new keys at the provider, use them, and disable the former ones."""
    values = {name: value.get_secret_value() for name, value in call.body(StaticCredentials).values.items()}
    rotation = call.runtime.credential_rotation
    return Answer(await rotation.rotate(call.tenant_id, call.path["id"], values, _actor(call)))


async def roll_back_credentials(call: Call) -> Answer:
    """Go back to the keys before the present ones."""
    rotation = call.runtime.credential_rotation
    return Answer(await rotation.rollback(call.tenant_id, call.path["id"], _actor(call)))


async def list_credential_versions(call: Call) -> Answer:
    """Tell which versions are stored, by whom and when; never a value."""
    found = await call.runtime.credential_rotation.versions(call.tenant_id, call.path["id"])
    return Answer(CredentialVersions(items=tuple(found)))


async def test_connection(call: Call) -> Answer:
    """Ask the provider for one record and say how far that came."""
    return Answer(await call.runtime.connection_tester.test(call.tenant_id, call.path["id"]))


async def smoke_test(call: Call) -> Answer:
    """Connect, read and search."""
    return Answer(await call.runtime.connection_tester.smoke_test(call.tenant_id, call.path["id"]))


async def start_sync(call: Call) -> Answer:
    """Start a run; the answer comes at once, the work is done by the queue."""
    order = call.body(SyncOrder)
    integration = await call.runtime.integrations.get(call.tenant_id, call.path["id"])
    execution = await call.runtime.sync_requests.start(
        integration, order.mode, Trigger.MANUAL, call.request_id, order.entity, call.object_id
    )
    return started(execution)


def _actor(call: Call) -> str:
    return call.caller.user_id if call.caller else ""


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
        "DeleteIntegration",
        "DELETE",
        _ONE,
        "Remove a disabled integration",
        delete_integration,
        TENANT,
        status=HTTPStatus.NO_CONTENT,
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
        "SetCredentials",
        "PUT",
        f"{_ONE}/credentials",
        "Store its keys or passwords",
        set_credentials,
        TENANT,
        CredentialVersion,
        body=StaticCredentials,
        takes_if_match=True,
    ),
    Route(
        "RotateCredentials",
        "POST",
        f"{_ONE}/credentials/rotate",
        "Try new keys, use them, disable the former ones",
        rotate_credentials,
        TENANT,
        CredentialVersion,
        body=StaticCredentials,
    ),
    Route(
        "RollBackCredentials",
        "POST",
        f"{_ONE}/credentials/rollback",
        "Go back to the keys before",
        roll_back_credentials,
        TENANT,
        CredentialVersion,
    ),
    Route(
        "ListCredentialVersions",
        "GET",
        f"{_ONE}/credentials/versions",
        "Its stored versions, without values",
        list_credential_versions,
        TENANT,
        CredentialVersions,
    ),
    Route(
        "TestConnection",
        "POST",
        f"{_ONE}/test",
        "Try its connection, step by step",
        test_connection,
        SUPER_OR_TENANT,
        ConnectionReport,
    ),
    Route(
        "SmokeTest",
        "POST",
        f"{_ONE}/smoke-test",
        "Connect, read one record, search",
        smoke_test,
        SUPER_OR_TENANT,
        SmokeReport,
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
