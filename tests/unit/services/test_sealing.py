"""Texts under the data key: what opens them and what doesn't."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.backends.embedded.file_secrets import FileSecretStore
from shared.ports.secrets import SecretStore
from shared.services.sealing import KEY_NAME, Sealer
from tests.fakes.clock import FakeClock

ABOUT = ("acme", "crm")


@pytest.fixture
async def secrets(tmp_path: Path) -> SecretStore:
    return await FileSecretStore.open(tmp_path, FakeClock())


def sealer(secrets: SecretStore) -> Sealer:
    async def opened() -> SecretStore:
        return secrets

    return Sealer(opened)


async def test_another_process_opens_what_one_has_sealed(secrets: SecretStore) -> None:
    """What one process sealed, another opens: the key is in the secret store."""
    sealed, version = await sealer(secrets).seal("a token", ABOUT)
    assert "a token" not in sealed
    assert await sealer(secrets).open(sealed, version, ABOUT) == "a token"


async def test_it_opens_only_for_what_it_is_about(secrets: SecretStore) -> None:
    """A text moved to another connection's document does not open there."""
    sealed, version = await sealer(secrets).seal("a token", ABOUT)
    assert await sealer(secrets).open(sealed, version, ("acme", "other")) is None
    assert await sealer(secrets).open(sealed, version, ("ac", "mecrm")) is None


@pytest.mark.parametrize("damaged", ["", "no base64!", "QUJD", "A" * 200])
async def test_what_is_damaged_counts_as_not_there(secrets: SecretStore, damaged: str) -> None:
    """A damaged text is like none at all: a new token is asked for."""
    one = sealer(secrets)
    _, version = await one.seal("a token", ABOUT)
    assert await one.open(damaged, version, ABOUT) is None


async def test_a_key_that_is_gone_or_disabled_opens_nothing(secrets: SecretStore) -> None:
    """Without its key a text is like none at all."""
    sealed, version = await sealer(secrets).seal("a token", ABOUT)
    assert await sealer(secrets).open(sealed, "no-such-version", ABOUT) is None
    await secrets.set_enabled(KEY_NAME, version, enabled=False)
    assert await sealer(secrets).open(sealed, version, ABOUT) is None


async def test_two_processes_that_make_a_key_at_once_read_each_other(secrets: SecretStore) -> None:
    """Whichever of two new keys a text was sealed under, both processes open it."""
    one, other = sealer(secrets), sealer(secrets)
    first = await one.seal("one", ABOUT)
    await secrets.set(KEY_NAME, "A" * 43 + "=")  # as another process would at the same moment
    second = await other.seal("two", ABOUT)
    assert await other.open(*first, ABOUT) == "one"
    assert await one.open(*second, ABOUT) == "two"
