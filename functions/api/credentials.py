"""An integration's credentials and whether they work."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from functions._http import Answer, Call, Route
from functions._roles import SUPER_OR_TENANT, TENANT
from shared.domain.model import WireModel
from shared.services.connection_test import ConnectionReport, SmokeReport
from shared.services.credentials import CredentialVersion, StoredVersion


class StaticCredentials(WireModel):
    """Keys or passwords, by the names that the provider's document asks for."""

    values: Annotated[dict[str, Annotated[SecretStr, Field(max_length=8000)]], Field(max_length=10)]


class CredentialVersions(WireModel):
    """An integration's stored credentials, newest first."""

    items: tuple[StoredVersion, ...]


async def set_credentials(call: Call) -> Answer:
    """Store an integration's keys; the answer tells the version, never a value."""
    values = {name: value.get_secret_value() for name, value in call.body(StaticCredentials).values.items()}
    stored = await call.runtime.integrations.set_credentials(
        call.tenant_id, call.path["id"], values, call.actor, call.if_match
    )
    return Answer(stored)


async def rotate_credentials(call: Call) -> Answer:
    """Try new keys at the provider, use them, and disable the former ones."""
    values = {name: value.get_secret_value() for name, value in call.body(StaticCredentials).values.items()}
    rotation = call.runtime.credential_rotation
    return Answer(await rotation.rotate(call.tenant_id, call.path["id"], values, call.actor))


async def roll_back_credentials(call: Call) -> Answer:
    """Go back to the keys before the present ones."""
    rotation = call.runtime.credential_rotation
    return Answer(await rotation.rollback(call.tenant_id, call.path["id"], call.actor))


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


_ONE = "integrations/{id}"

ROUTES = (
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
)
