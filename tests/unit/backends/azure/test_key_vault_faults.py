"""A vault that fails in every way, and the store that goes on."""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError
from azure.keyvault.secrets.aio import SecretClient

from shared.backends.azure.key_vault_secrets import KeyVaultSecretStore
from shared.backends.azure.service_calls import POLICY
from shared.backends.azure.transport import open_transport
from shared.domain.errors import (
    ConfigurationError,
    IntegrationError,
    NotFoundError,
    RetryableError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)
from tests.doubles.credential import TOKEN, FakeCredential
from tests.doubles.faults import Fault, never
from tests.doubles.keyvault.server import RunningVault, running_vault
from tests.fakes.clock import FakeClock
from tests.secrets_used import secret
from tests.unit.backends.azure.trouble import TURNS, Trouble

SECRET = secret("hunter2-äöü")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def vault(tmp_path: Path, clock: FakeClock) -> AsyncIterator[RunningVault]:
    async with running_vault(tmp_path, clock) as running:
        yield running


@pytest.fixture
async def secrets(vault: RunningVault, clock: FakeClock) -> AsyncIterator[KeyVaultSecretStore]:
    store = await open_store(vault, clock, timeout_seconds=10)
    yield store
    await store.close()


async def open_store(
    vault: RunningVault, clock: FakeClock, *, timeout_seconds: float, token: str = TOKEN
) -> KeyVaultSecretStore:
    return await KeyVaultSecretStore.open(
        vault.url,
        FakeCredential(token),
        clock,
        timeout_seconds=timeout_seconds,
        tls=vault.tls,
        verify_challenge=False,
        random=random.Random(1).random,
    )


async def test_throttling_ends_after_bounded_attempts(
    vault: RunningVault, secrets: KeyVaultSecretStore, clock: FakeClock
) -> None:
    """A vault that throttles on is asked four times, with the pause that it asked for, and then told of."""
    vault.faults.plan = lambda _request: Fault.THROTTLED

    with pytest.raises(ThrottledError) as caught:
        await secrets.get("key")

    assert caught.value.retry_after_seconds == 2
    assert vault.faults.requests == POLICY.max_attempts
    assert len(clock.slept) == POLICY.max_attempts - 1
    assert all(2 <= seconds <= 4 for seconds in clock.slept)


async def test_a_long_pause_is_left_to_the_caller(
    vault: RunningVault, secrets: KeyVaultSecretStore, clock: FakeClock
) -> None:
    """Nobody waits a quarter of an hour in the middle of a call."""
    vault.faults.plan = lambda _request: Fault.THROTTLED
    vault.faults.retry_after = "900"

    with pytest.raises(ThrottledError) as caught:
        await secrets.set("key", SECRET)

    assert caught.value.retry_after_seconds == 900
    assert clock.slept == []


async def test_a_refused_connection_is_unreachable(vault: RunningVault, secrets: KeyVaultSecretStore) -> None:
    """With nobody at the port nothing is acknowledged; the same store works once somebody is."""
    await secrets.set("key", "one")
    await vault.server.refuse()

    with pytest.raises(UnreachableError):
        await secrets.set("key", "two")

    await vault.server.listen()
    assert (await secrets.get("key")).value == "one"
    await secrets.set("key", "two")
    assert (await secrets.get("key")).value == "two"


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.LATE])
async def test_a_slow_vault_is_given_up(vault: RunningVault, clock: FakeClock, fault: Fault) -> None:
    """A call that gets no answer ends at its time-out, and acknowledges nothing."""
    secrets = await open_store(vault, clock, timeout_seconds=0.3)
    vault.faults.plan = lambda _request: fault

    with pytest.raises(UnavailableError, match="in time"):
        await secrets.set("key", SECRET)

    await secrets.close()


async def test_a_deletion_without_end_is_given_up(vault: RunningVault, clock: FakeClock) -> None:
    """A deletion that Key Vault does not finish is not acknowledged, and nothing can be set meanwhile."""
    secrets = await open_store(vault, clock, timeout_seconds=0.5)
    await secrets.set("key", "one")
    vault.vault.finishes_changes = False

    assert not await _acknowledged(secrets, "key")
    with pytest.raises(UnavailableError, match="earlier change"):
        await secrets.set("key", "two")

    vault.vault.finish_changes()
    assert await secrets.recover("key")
    assert (await secrets.get("key")).value == "one"
    await secrets.close()


async def _acknowledged(secrets: KeyVaultSecretStore, name: str) -> bool:
    try:
        return await secrets.delete(name)
    except RetryableError:
        return False


@pytest.mark.parametrize("kind", TURNS)
async def test_a_minute_of_trouble_loses_nothing(vault: RunningVault, clock: FakeClock, kind: str) -> None:
    """In a minute of trouble whatever was acknowledged is stored, and after it the same store works."""
    secrets = await open_store(vault, clock, timeout_seconds=0.5 if kind == "slow" else 10)
    await secrets.set("key-before", "before")
    trouble = Trouble(kind, vault.server, clock)
    stored: dict[str, str] = {"key-before": "before"}
    failures = 0
    await trouble.begin()
    while not trouble.is_over:
        value = f"value {clock.monotonic()}"
        try:
            version = await secrets.set(f"key-{len(stored)}", value)
            stored[version.name] = value
        except RetryableError:
            failures += 1
        clock.advance(0.7)
    await trouble.end()

    assert failures > 0
    assert trouble.met == {fault for fault in trouble.turns if fault}
    if None in trouble.turns:
        assert len(stored) > 5
    else:  # what was under way at the end may have succeeded
        assert len(stored) <= 2
    assert {name: (await secrets.get(name)).value for name in stored} == stored
    await secrets.set("after", SECRET)
    assert (await secrets.get("after")).value == SECRET
    await secrets.close()


async def test_purge_protection_keeps_deleted_secrets(
    vault: RunningVault, secrets: KeyVaultSecretStore, clock: FakeClock
) -> None:
    """Nobody purges a deleted secret before its 90 days are over; until then it can be recovered."""
    await secrets.set("key", SECRET)
    await secrets.delete("key")
    client = SecretClient(
        vault.url, FakeCredential(), transport=open_transport(vault.tls), verify_challenge_resource=False
    )
    async with client:
        with pytest.raises(HttpResponseError) as caught:
            await client.purge_deleted_secret("key")
    assert caught.value.status_code == 403

    clock.advance(89 * 86_400)
    assert await secrets.recover("key")
    await secrets.delete("key")
    clock.advance(90 * 86_400)
    assert not await secrets.recover("key")
    await secrets.set("key", "new")
    assert len(await secrets.versions("key")) == 1


async def test_lists_of_several_pages_are_whole(secrets: KeyVaultSecretStore, clock: FakeClock) -> None:
    """Names and versions beyond Key Vault's first page of 25 are found."""
    for number in range(30):
        await secrets.set(f"key-{number:02d}", "value")
        await secrets.set("many", str(number))
        clock.advance(1)

    assert len(await secrets.names("key-")) == 30
    versions = await secrets.versions("many")
    assert len({version.version for version in versions}) == 30
    assert (await secrets.get("many", versions[0].version)).value == "29"


async def test_an_identity_without_rights_is_told(vault: RunningVault, clock: FakeClock) -> None:
    """A refused token is for somebody to mend, and not tried again."""
    secrets = await open_store(vault, clock, timeout_seconds=10, token="wrong")

    with pytest.raises(ConfigurationError, match="role assignments"):
        await secrets.get("key")

    assert clock.slept == []
    await secrets.close()


async def test_the_token_is_for_key_vault(vault: RunningVault, clock: FakeClock) -> None:
    """The identity is asked for a token of the resource that the challenge names, once for many calls."""
    credential = FakeCredential()
    secrets = await KeyVaultSecretStore.open(
        vault.url, credential, clock, tls=vault.tls, verify_challenge=False
    )
    await secrets.set("key", "one")
    await secrets.get("key")
    assert credential.scopes == ["https://vault.azure.net/.default"]
    await secrets.close()


async def test_a_vault_may_not_ask_for_others_tokens(vault: RunningVault, clock: FakeClock) -> None:
    """Unless told otherwise, a challenge for another domain gets no token."""
    credential = FakeCredential()
    secrets = await KeyVaultSecretStore.open(vault.url, credential, clock, tls=vault.tls)
    with pytest.raises(ConfigurationError, match="challenge"):
        await secrets.get("key")
    assert credential.scopes == []
    await secrets.close()


async def test_an_untrusted_certificate_is_told(vault: RunningVault, clock: FakeClock) -> None:
    """Whoever is at the address without the vault's certificate gets nothing."""
    secrets = await KeyVaultSecretStore.open(vault.url, FakeCredential(), clock, verify_challenge=False)
    with pytest.raises(ConfigurationError, match="certificate"):
        await secrets.set("key", SECRET)
    assert vault.faults.requests == 0
    await secrets.close()


async def test_plain_http_is_refused(clock: FakeClock) -> None:
    """A vault's URL without TLS is a wrong setting."""
    with pytest.raises(ConfigurationError, match="https"):
        await KeyVaultSecretStore.open("http://127.0.0.1:1", FakeCredential(), clock)


@pytest.mark.parametrize(
    ("name", "version"), [("key", ""), ("key", "a/b"), ("key/versions", None), ("..", None)]
)
async def test_what_can_not_be_a_name_is_not_asked_for(
    vault: RunningVault, secrets: KeyVaultSecretStore, name: str, version: str | None
) -> None:
    """Nothing that would mean another resource becomes part of a URL."""
    await secrets.set("key", "one")
    before = vault.faults.requests
    with pytest.raises(NotFoundError):
        await secrets.get(name, version)
    assert vault.faults.requests == before


async def test_logs_and_errors_hold_neither_value_nor_token(
    vault: RunningVault, secrets: KeyVaultSecretStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Even at the level DEBUG, and when calls fail, no secret is written down."""
    caplog.set_level(logging.DEBUG)
    await secrets.set("key", SECRET)
    await secrets.get("key")
    vault.faults.plan = lambda _request: Fault.FAILED
    with pytest.raises(IntegrationError) as caught:
        await secrets.set("key", SECRET)
    vault.faults.plan = never

    told = f"{caplog.text} {caught.value!r} {caught.value.__cause__!r} {vars(secrets)!r}"
    assert "Attempt 1 failed" in told
    assert SECRET not in told
    assert "hunter2" not in told
    assert TOKEN not in told
