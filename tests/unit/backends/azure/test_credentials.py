"""One identity for all clients, opened when somebody needs a token."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError

from shared.backends.azure.credentials import AzureCredential
from shared.domain.errors import UnavailableError
from tests.doubles.credential import TOKEN, FakeCredential

SCOPE = "https://vault.azure.net/.default"


class Behind(FakeCredential):
    """A credential that may fail, or never answer."""

    def __init__(self, error: Exception | None = None, *, hangs: bool = False) -> None:
        super().__init__()
        self.error = error
        self.hangs = hangs
        self.opened = 0
        self.closed = 0

    async def open(self) -> AsyncTokenCredential:
        self.opened += 1
        await asyncio.sleep(0)
        return self

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        if self.error:
            raise self.error
        if self.hangs:
            await asyncio.Event().wait()
        return await super().get_token(*scopes, **options)

    async def close(self) -> None:
        self.closed += 1


async def test_it_is_opened_once_at_the_first_token() -> None:
    """Nothing is opened before; clients that ask at once share what is."""
    behind = Behind()
    credential = AzureCredential(behind.open)
    assert behind.opened == 0

    tokens = await asyncio.gather(*(credential.get_token(SCOPE) for _ in range(3)))

    assert [token.token for token in tokens] == [TOKEN] * 3
    assert (behind.opened, behind.scopes) == (1, [SCOPE] * 3)


async def test_closing_closes_what_is_open() -> None:
    """Closing is idempotent, needs no token before, and a later token opens again."""
    behind = Behind()
    credential = AzureCredential(behind.open)
    await credential.close()
    assert behind.closed == 0

    async with credential:
        await credential.get_token(SCOPE)
    await credential.close()
    assert behind.closed == 1

    await credential.get_token(SCOPE)
    assert behind.opened == 2


@pytest.mark.parametrize("kind", [ClientAuthenticationError, CredentialUnavailableError])
async def test_no_token_can_be_tried_again(kind: type[ClientAuthenticationError]) -> None:
    """What the issuer said stays out of the message; once it answers, so does the same credential."""
    behind = Behind(kind(message="client_secret=hunter2"))
    credential = AzureCredential(behind.open)

    with pytest.raises(UnavailableError, match=kind.__name__) as caught:
        await credential.get_token(SCOPE)

    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r}"
    behind.error = None
    assert (await credential.get_token(SCOPE)).token == TOKEN


async def test_an_issuer_without_answer_is_given_up() -> None:
    """A token that does not come in time is unavailable."""
    credential = AzureCredential(Behind(hangs=True).open, timeout_seconds=0.05)

    with pytest.raises(UnavailableError, match="TimeoutError"):
        await credential.get_token(SCOPE)


async def test_by_default_azures_own_chain_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an identity on this machine, Azure's default chain says so."""
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    async with AzureCredential() as credential:
        with pytest.raises(UnavailableError, match=r"CredentialUnavailableError|ClientAuthenticationError"):
            await credential.get_token(SCOPE)
