"""Deleting integrations, and the records that they are gone."""

from __future__ import annotations

from http import HTTPStatus

from functions._http import Answer, Call, Route
from functions._roles import TENANT
from shared.domain.deletion import DeletionRecord


async def delete_integration(call: Call) -> Answer:
    """Delete an integration with its connections, credentials and checkpoints."""
    record = await call.runtime.integration_deletion.run(
        call.tenant_id, call.path["id"], call.if_match, call.actor
    )
    return Answer(status=HTTPStatus.NO_CONTENT, headers={"Location": f"/api/privacy-requests/{record.id}"})


async def get_record(call: Call) -> Answer:
    """Tell which steps of a deletion are done, and when."""
    return Answer(await call.runtime.integration_deletion.get(call.tenant_id, call.path["id"]))


ROUTES = (
    Route(
        "DeleteIntegration",
        "DELETE",
        "integrations/{id}",
        "Delete an integration, its connections and credentials",
        delete_integration,
        TENANT,
        status=HTTPStatus.NO_CONTENT,
        takes_if_match=True,
    ),
    Route(
        "ReadPrivacyRequest",
        "GET",
        "privacy-requests/{id}",
        "The record of a deletion",
        get_record,
        TENANT,
        DeletionRecord,
    ),
)
