"""What every secret store does."""

from __future__ import annotations

import pytest

from shared.domain.errors import (
    ForbiddenError,
    IntegrationError,
    InvalidRequestError,
    InvalidStateError,
    NotFoundError,
)
from shared.ports.secrets import SecretStore
from tests.fakes.clock import FakeClock

pytest_plugins = ["tests.contract.secret_backends"]

MAX_VALUE_BYTES = 25 * 1024


async def test_a_secret_reads_back(secrets: SecretStore) -> None:
    """What was set is returned, with its tags, and nobody's repr shows the value."""
    version = await secrets.set("acme-crm-oauth", "pa$$wörd €", {"kind": "oauth"})

    secret = await secrets.get("acme-crm-oauth")

    assert secret.value == "pa$$wörd €"
    assert secret.properties == version
    assert (version.name, version.enabled, dict(version.tags)) == ("acme-crm-oauth", True, {"kind": "oauth"})
    assert version.created_at.tzinfo is not None
    assert "pa$$" not in repr(secret)


async def test_setting_again_makes_a_new_version(secrets: SecretStore) -> None:
    """The last value is the current one, and the earlier ones stay readable by version."""
    first = await secrets.set("key", "one")
    second = await secrets.set("key", "two")

    assert first.version != second.version
    assert (await secrets.get("key")).value == "two"
    assert (await secrets.get("key", first.version)).value == "one"
    assert (await secrets.get("key", second.version)).value == "two"


async def test_versions_come_newest_first(secrets: SecretStore, secret_clock: FakeClock) -> None:
    """All versions are listed, the newest first, each with the tags that it was set with."""
    made = []
    for number in range(3):
        made.append(await secrets.set("key", "value", {"number": str(number)}))
        secret_clock.advance(1)

    assert list(await secrets.versions("key")) == made[::-1]
    assert list(await secrets.versions("other")) == []


async def test_names_are_compared_without_case(secrets: SecretStore) -> None:
    """Two spellings name one secret."""
    await secrets.set("Acme-Key", "one")
    await secrets.set("aCME-kEY", "two")

    assert (await secrets.get("ACME-KEY")).value == "two"
    assert len(await secrets.versions("acme-key")) == 2
    assert [name.lower() for name in await secrets.names("ACME")] == ["acme-key"]


async def test_a_disabled_version_is_not_readable(secrets: SecretStore) -> None:
    """A disabled version is refused, current or not; the others stay readable, and enabling undoes it."""
    first = await secrets.set("key", "one")
    second = await secrets.set("key", "two")

    disabled = await secrets.set_enabled("key", second.version, enabled=False)

    assert (disabled.version, disabled.enabled) == (second.version, False)
    assert [version.enabled for version in await secrets.versions("key") if version == disabled] == [False]
    with pytest.raises(ForbiddenError):
        await secrets.get("key")
    with pytest.raises(ForbiddenError):
        await secrets.get("key", second.version)
    assert (await secrets.get("key", first.version)).value == "one"

    await secrets.set_enabled("key", second.version, enabled=True)
    assert (await secrets.get("key")).value == "two"


async def test_what_is_not_there_is_not_found(secrets: SecretStore) -> None:
    """Unknown names and versions are NotFoundError for reading and for enabling."""
    await secrets.set("key", "one")
    unknown = "0" * 32

    for name, version in [("other", None), ("other", unknown), ("key", unknown)]:
        with pytest.raises(NotFoundError):
            await secrets.get(name, version)
    for name in ["other", "key"]:
        with pytest.raises(NotFoundError):
            await secrets.set_enabled(name, unknown, enabled=False)


async def test_deleting_hides_a_secret(secrets: SecretStore) -> None:
    """A soft-deleted secret is gone for every reader; deleting tells whether there was one."""
    version = await secrets.set("key", "one")

    assert await secrets.delete("KEY")

    assert not await secrets.delete("key")
    assert not await secrets.delete("other")
    assert list(await secrets.names()) == []
    assert list(await secrets.versions("key")) == []
    with pytest.raises(NotFoundError):
        await secrets.get("key")
    with pytest.raises(NotFoundError):
        await secrets.get("key", version.version)
    with pytest.raises(NotFoundError):
        await secrets.set_enabled("key", version.version, enabled=False)


async def test_recovering_brings_everything_back(secrets: SecretStore, secret_clock: FakeClock) -> None:
    """A recovered secret has all its versions and values; recovering tells whether it was deleted."""
    first = await secrets.set("key", "one")
    secret_clock.advance(1)
    await secrets.set("key", "two", {"kind": "oauth"})
    before = list(await secrets.versions("key"))
    await secrets.delete("key")

    assert await secrets.recover("Key")

    assert not await secrets.recover("key")
    assert not await secrets.recover("other")
    assert list(await secrets.versions("key")) == before
    assert (await secrets.get("key")).value == "two"
    assert (await secrets.get("key", first.version)).value == "one"


async def test_a_deleted_name_must_be_recovered_before_it_is_set(secrets: SecretStore) -> None:
    """Setting a soft-deleted name is refused with what to do, and changes nothing."""
    await secrets.set("key", "one")
    await secrets.delete("key")

    with pytest.raises(InvalidStateError, match="recover"):
        await secrets.set("KEY", "two")

    await secrets.recover("key")
    assert (await secrets.get("key")).value == "one"


async def test_names_are_listed_in_order(secrets: SecretStore) -> None:
    """Names come in order, and a prefix picks some."""
    for name in ["tenant-b", "tenant-a", "system-x", "tenant-a-1"]:
        await secrets.set(name, "value")

    assert list(await secrets.names()) == ["system-x", "tenant-a", "tenant-a-1", "tenant-b"]
    assert list(await secrets.names("tenant-a")) == ["tenant-a", "tenant-a-1"]
    assert list(await secrets.names("nobody")) == []


@pytest.mark.parametrize("name", ["", "a_b", "a b", "a/b", "a.b", "ä", "a" * 128, "a\n"])
async def test_bad_names_are_refused(secrets: SecretStore, name: str) -> None:
    """A name outside Key Vault's rule is refused before anything is stored."""
    with pytest.raises(InvalidRequestError):
        await secrets.set(name, "value")

    assert list(await secrets.names()) == []


@pytest.mark.parametrize("name", ["a", "0", "-", "A-9", "a" * 127])
async def test_good_names_are_taken(secrets: SecretStore, name: str) -> None:
    """Names at the edge of the rule are taken."""
    await secrets.set(name, "value")

    assert (await secrets.get(name)).value == "value"


async def test_a_value_may_have_25_kilobytes(secrets: SecretStore) -> None:
    """The limit counts bytes of UTF-8, and the refusal does not repeat the value."""
    await secrets.set("key", "é" * (MAX_VALUE_BYTES // 2))

    with pytest.raises(InvalidRequestError) as caught:
        await secrets.set("key", "é" * (MAX_VALUE_BYTES // 2) + "x")

    assert "éé" not in str(caught.value)
    assert (await secrets.get("key")).value == "é" * (MAX_VALUE_BYTES // 2)


async def test_errors_never_hold_a_value(secrets: SecretStore) -> None:
    """No error about a secret shows any of its values."""
    version = await secrets.set("key", "hunter2")
    await secrets.set_enabled("key", version.version, enabled=False)
    with pytest.raises(IntegrationError) as forbidden:
        await secrets.get("key")
    await secrets.delete("key")
    with pytest.raises(IntegrationError) as invalid:
        await secrets.set("key", "hunter2")

    assert "hunter2" not in f"{forbidden.value!r} {invalid.value!r}"
