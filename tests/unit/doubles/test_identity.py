"""The double of managed identity and of the platform's issuer, through the real SDK and our verifier."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from azure.identity.aio import DefaultAzureCredential

from shared.backends.azure.credentials import AzureCredential
from shared.backends.jwks_identity import JwksTokenVerifier
from shared.backends.system_clock import SystemClock
from tests.doubles.identity import IdentityDouble
from tests.doubles.identity.server import AUDIENCE, ISSUER


@pytest.fixture
async def identity() -> AsyncIterator[IdentityDouble]:
    async with IdentityDouble(SystemClock()) as double:
        yield double


async def test_the_default_credential_gets_a_token_as_in_app_service(
    identity: IdentityDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in the app is different from what runs in Azure."""
    for name, value in identity.environment.items():
        monkeypatch.setenv(name, value)
    async with DefaultAzureCredential() as credential, AzureCredential() as ours:
        token = await credential.get_token("https://vault.azure.net/.default")
        same = await ours.get_token("https://vault.azure.net/.default")
        other = await ours.get_token("https://storage.azure.com/.default")
    assert all(identity.knows(each.token) for each in (token, same, other))


async def test_a_callers_token_is_verified_by_the_published_key(identity: IdentityDouble) -> None:
    """As the host platform's are."""
    verifier = JwksTokenVerifier(ISSUER, AUDIENCE, f"{identity.url}/keys", clock=SystemClock())
    claims = await verifier.verify(identity.issue("anna", "acme", ["admin"]))
    assert (claims["sub"], claims["tenantId"]) == ("anna", "acme")
