"""What the file of secrets does beyond the contract."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from shared.backends.embedded.file_secrets import FileSecretStore
from shared.domain.errors import ConfigurationError, NotFoundError, UnavailableError
from tests.fakes.clock import START, FakeClock
from tests.unit.backends.embedded import crash_points

NONCE = slice(8, 20)


async def open_store(folder: Path) -> FileSecretStore:
    return await FileSecretStore.open(folder, FakeClock())


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    """A store opened anew has the versions, values, tags, disabled and deleted secrets of the one before."""
    store = await open_store(tmp_path / "deep" / "data")
    first = await store.set("key", "one", {"kind": "oauth"})
    await store.set("key", "two")
    await store.set_enabled("key", first.version, enabled=False)
    await store.set("gone", "three")
    await store.delete("gone")

    again = await open_store(tmp_path / "deep" / "data")

    assert await again.versions("key") == await store.versions("key")
    assert (await again.get("key")).value == "two"
    assert await again.names() == ["key"]
    assert await again.recover("gone")
    assert (await again.get("gone")).value == "three"


async def test_versions_are_like_key_vaults(tmp_path: Path) -> None:
    """A version's id is 32 hexadecimal digits, and its time the clock's."""
    version = await (await open_store(tmp_path)).set("key", "value")

    assert len(bytes.fromhex(version.version)) == 16
    assert version.created_at == START


async def test_nothing_readable_is_on_the_disk(tmp_path: Path) -> None:
    """No file of the store holds a value, a tag or a name."""
    store = await open_store(tmp_path)
    await store.set("Revealing-Name", "plaintext-value", {"tag-name": "tag-value"})
    await store.set("Revealing-Name", "plaintext-value-2")

    content = b"".join(files_of(tmp_path).values()).lower()
    assert len(content) > 32
    for words in [b"plaintext", b"revealing", b"tag-name", b"tag-value"]:
        assert words not in content


async def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Every file has mode 0600, and a folder that the store makes 0700."""
    store = await open_store(tmp_path / "data")
    await store.set("key", "value")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    assert modes == {"secrets.bin": 0o600, "secrets.key": 0o600, "secrets.lock": 0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
async def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """Opening fails, and says which file to protect."""
    await open_store(tmp_path)
    (tmp_path / "secrets.key").chmod(mode)

    with pytest.raises(ConfigurationError, match=r"secrets\.key.*chmod 600"):
        await open_store(tmp_path)


async def test_a_missing_key_is_not_replaced(tmp_path: Path) -> None:
    """Where there are secrets but no key, opening fails instead of making another key."""
    await (await open_store(tmp_path)).set("key", "value")
    (tmp_path / "secrets.key").unlink()

    with pytest.raises(ConfigurationError, match=r"secrets\.key.*missing.*backup"):
        await open_store(tmp_path)
    assert not (tmp_path / "secrets.key").exists()


@pytest.mark.parametrize("key", [b"", b"short", bytes(31), bytes(32), bytes(33)])
async def test_a_key_of_other_secrets_is_refused(tmp_path: Path, key: bytes) -> None:
    """A key that does not open the file is named, together with the file."""
    await (await open_store(tmp_path)).set("key", "value")
    (tmp_path / "secrets.key").write_bytes(key)

    with pytest.raises(ConfigurationError, match=r"secrets\.key.*restore both"):
        await open_store(tmp_path)


@pytest.mark.parametrize("position", [0, 8, 19, 20, -1])
async def test_a_damaged_file_is_refused(tmp_path: Path, position: int) -> None:
    """One changed bit, in whatever part of the file, is noticed."""
    await (await open_store(tmp_path)).set("key", "value")
    content = bytearray((tmp_path / "secrets.bin").read_bytes())
    content[position] ^= 1
    (tmp_path / "secrets.bin").write_bytes(content)

    with pytest.raises(ConfigurationError, match="damaged"):
        await open_store(tmp_path)


@pytest.mark.parametrize("length", [0, 4, 8, 12, 20, 30])
async def test_a_file_cut_short_is_refused(tmp_path: Path, length: int) -> None:
    """A file that lacks its end is damaged, not an empty store."""
    await (await open_store(tmp_path)).set("key", "value")
    os.truncate(tmp_path / "secrets.bin", length)

    with pytest.raises(ConfigurationError, match="damaged"):
        await open_store(tmp_path)


async def test_a_file_that_vanishes_is_noticed(tmp_path: Path) -> None:
    """When the file is removed under an open store, neither read nor write takes it for an empty one."""
    store = await open_store(tmp_path)
    await store.set("key", "value")
    (tmp_path / "secrets.bin").unlink()

    with pytest.raises(ConfigurationError, match="gone"):
        await store.get("key")
    with pytest.raises(ConfigurationError, match="gone"):
        await store.set("other", "value")


async def test_every_write_has_its_own_nonce(tmp_path: Path) -> None:
    """GCM fails when a nonce is used twice: each write draws a new one from the injected source."""
    drawn: list[bytes] = []

    def draw(count: int) -> bytes:
        drawn.append(os.urandom(count))
        return drawn[-1]

    store = await FileSecretStore.open(tmp_path, FakeClock(), draw)
    nonces = []
    for _ in range(5):
        await store.set("key", "same")
        nonces.append((tmp_path / "secrets.bin").read_bytes()[NONCE])

    assert len(set(nonces)) == 5
    assert set(nonces) <= set(drawn)
    assert drawn[0] == (tmp_path / "secrets.key").read_bytes()


async def test_nothing_to_change_writes_nothing(tmp_path: Path) -> None:
    """Deleting and recovering what is not there leave the file alone."""
    store = await open_store(tmp_path)
    await store.set("key", "value")
    before = files_of(tmp_path)

    await store.delete("other")
    await store.recover("key")

    assert files_of(tmp_path) == before


async def test_two_stores_on_one_folder_lose_nothing(tmp_path: Path) -> None:
    """Writes through two stores at once are all kept, and each store sees the other's."""
    stores = [await open_store(tmp_path), await open_store(tmp_path)]

    await asyncio.gather(*(stores[number % 2].set(f"key-{number:02}", str(number)) for number in range(20)))

    for store in stores:
        assert await store.names() == [f"key-{number:02}" for number in range(20)]
        assert (await store.get("key-07")).value == "7"


async def test_a_cancelled_write_happens_or_not(tmp_path: Path) -> None:
    """Cancelling a caller leaves the store whole, and the next write works."""
    store = await open_store(tmp_path)
    await store.set("key", "old")
    for turns in range(5):
        writing = asyncio.create_task(store.set("key", "new"))
        for _ in range(turns):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait([writing])

    assert (await store.get("key")).value in {"old", "new"}
    await store.set("key", "last")
    assert (await (await open_store(tmp_path)).get("key")).value == "last"


async def test_a_failing_disk_is_unavailable(tmp_path: Path) -> None:
    """A write that the file system refuses raises UnavailableError and changes nothing."""
    store = await open_store(tmp_path)
    await store.set("key", "old")
    (tmp_path / "secrets.bin.tmp").mkdir()

    with pytest.raises(UnavailableError):
        await store.set("key", "new")

    assert (await store.get("key")).value == "old"


async def test_no_repr_shows_a_value(tmp_path: Path) -> None:
    """Neither the store nor anything that it holds shows values in its repr."""
    store = await open_store(tmp_path)
    await store.set("key", "hunter2")

    assert "hunter2" not in repr(store) + repr(vars(store))


async def test_tags_of_a_version_cannot_be_changed(tmp_path: Path) -> None:
    """What a caller does to tags, before or after, does not reach the store."""
    store = await open_store(tmp_path)
    tags = {"kind": "oauth"}
    version = await store.set("key", "value", tags)
    tags["kind"] = "other"

    with pytest.raises(TypeError):
        version.tags["kind"] = "other"  # type: ignore[index]  # that it can't be assigned is the point
    assert dict((await store.get("key")).properties.tags) == {"kind": "oauth"}


def test_a_crash_anywhere_leaves_the_old_or_the_new_state(tmp_path: Path) -> None:
    """Killed at any step of a write, the store opens with the value from before or the one being set."""
    crashed = crash_points.crash_everywhere("next-secret", tmp_path)

    values = [asyncio.run(_current_value(folder)) for folder in crashed]

    first_new = values.index("new")
    assert 5 < first_new < len(values)
    assert values == ["old"] * first_new + ["new"] * (len(values) - first_new)


def test_a_crash_at_the_first_use_can_be_repeated(tmp_path: Path) -> None:
    """Killed at any step of the first opening or write, the store opens, with or without the value."""
    crashed = crash_points.crash_everywhere("first-secret", tmp_path)

    values = [asyncio.run(_current_value(folder)) for folder in crashed]

    assert values[0] is None
    assert values[-1] == "new"
    assert set(values) == {None, "new"}


@pytest.mark.parametrize("confirmations", [1, 2, 7, 20])
def test_a_killed_writer_loses_no_confirmed_write(tmp_path: Path, confirmations: int) -> None:
    """After SIGKILL in a loop of writes, every confirmed one is there, and at most the next one too."""
    process = crash_points.start_loop(tmp_path)
    assert process.stdout is not None
    with process, process.stdout as lines:
        confirmed = sum(1 for _ in zip(range(confirmations), lines, strict=False))
        process.kill()
        confirmed += len(lines.readlines())

    value = asyncio.run(_current_value(tmp_path))

    assert confirmed >= confirmations
    assert value in {str(confirmed), str(confirmed + 1)}


async def _current_value(folder: Path) -> str | None:
    store = await open_store(folder)
    try:
        return (await store.get("key")).value
    except NotFoundError:
        await store.set("key", "works")
        return None
