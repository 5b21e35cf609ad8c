"""What the archive's folder does beyond the contract."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.backends.embedded.file_archive import FileArchive
from shared.domain.errors import AlreadyExistsError, ConfigurationError, UnavailableError
from tests.fakes.clock import START, FakeClock
from tests.unit.backends.embedded import crash_points


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def open_archive(folder: Path) -> FileArchive:
    return await FileArchive.open(folder, FakeClock())


async def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    """An archive opened anew knows the objects of the one before, to the last field."""
    put = await (await open_archive(tmp_path / "deep")).put("a/b", stream(b"content"), {"kind": "audit"})

    again = await open_archive(tmp_path / "deep")

    assert await again.stat("a/b") == put
    assert [archived async for archived in again.list()] == [put]
    assert put.created_at == START


async def test_objects_are_read_only(tmp_path: Path) -> None:
    """No file of an object can be written, and nobody but the owner can read it."""
    await (await open_archive(tmp_path)).put("a/b", stream(b"content"))

    files = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert sorted(file.name for file in files) == ["content", "record.json"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o400}


async def test_reading_goes_by_blocks_of_a_megabyte(tmp_path: Path) -> None:
    """However the content came, no more than 1 MB of it is held at once when it is read."""
    archive = await open_archive(tmp_path)
    await archive.put("a", stream(*[b"x" * 300_000] * 9))

    sizes = [len(block) async for block in archive.get("a")]

    assert sizes == [1_048_576, 1_048_576, 602_848]


@pytest.mark.parametrize("content", [b"contenX", b"conten", b"content+", b""])
async def test_changed_content_is_noticed(tmp_path: Path, content: bytes) -> None:
    """Verify compares both size and hash with what put recorded."""
    archive = await open_archive(tmp_path)
    await archive.put("a", stream(b"content"))
    _overwrite(tmp_path / "objects/a+object/content", content)

    assert not await archive.verify("a")


async def test_lost_content_is_noticed(tmp_path: Path) -> None:
    """An object whose content is gone does not verify."""
    archive = await open_archive(tmp_path)
    await archive.put("a", stream(b"content"))
    (tmp_path / "objects/a+object/content").unlink()

    assert not await archive.verify("a")


@pytest.mark.parametrize("record", [b"", b"[]", b"{}", b'{"path": "a"}', b"\xff"])
async def test_a_damaged_record_is_named(tmp_path: Path, record: bytes) -> None:
    """A record that can't be read is an error that names the object, not a missing object."""
    archive = await open_archive(tmp_path)
    await archive.put("a", stream(b"content"))
    _overwrite(tmp_path / "objects/a+object/record.json", record)

    with pytest.raises(ConfigurationError, match="record of a is damaged"):
        await archive.stat("a")


async def test_opening_sweeps_what_a_crash_left(tmp_path: Path) -> None:
    """Half-made objects are removed at the next opening."""
    await open_archive(tmp_path)
    (tmp_path / "staging/left").mkdir()
    (tmp_path / "staging/left/content").write_bytes(b"half")

    await open_archive(tmp_path)

    assert list((tmp_path / "staging").iterdir()) == []


async def test_opening_spares_a_put_under_way(tmp_path: Path) -> None:
    """A second archive on the folder does not sweep away what the first one is still writing."""
    first = await open_archive(tmp_path)

    async def content() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        await open_archive(tmp_path)
        yield b"y"

    put = await first.put("a", content())

    assert put.size_bytes == 2_000_001
    assert await first.verify("a")
    assert list((tmp_path / "staging").iterdir()) == []


async def test_a_path_that_is_taken_is_refused_before_reading(tmp_path: Path) -> None:
    """Nothing of the content is read for an object that is already there."""
    archive = await open_archive(tmp_path)
    await archive.put("a", stream(b"content"))
    read: list[int] = []

    async def content() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"other"

    with pytest.raises(AlreadyExistsError):
        await archive.put("a", content())
    assert read == []


async def test_a_cancelled_put_leaves_nothing(tmp_path: Path) -> None:
    """When the caller is cancelled while the content comes, no object and no half-made one stay."""
    archive = await open_archive(tmp_path)
    reached = asyncio.Event()

    async def content() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        reached.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(archive.put("a", content()))
    await reached.wait()
    putting.cancel()
    await asyncio.wait([putting])

    assert putting.cancelled()
    assert await archive.stat("a") is None
    assert list((tmp_path / "staging").iterdir()) == []


async def test_a_failing_disk_is_unavailable(tmp_path: Path) -> None:
    """What the file system refuses is UnavailableError, in writing and in listing."""
    archive = await open_archive(tmp_path)
    (tmp_path / "staging").rmdir()
    (tmp_path / "objects").rmdir()

    with pytest.raises(UnavailableError):
        await archive.put("a", stream(b"content"))
    with pytest.raises(UnavailableError):
        await anext(archive.list())


def test_a_crash_anywhere_leaves_the_whole_object_or_none(tmp_path: Path) -> None:
    """Killed at any step of a put, the object is there whole or not at all, and putting it again works."""
    crashed = crash_points.crash_everywhere("archive", tmp_path)

    there = [asyncio.run(_recover(folder)) for folder in crashed]

    first_there = there.index(True)
    assert 10 < first_there < len(there)
    assert there == [False] * first_there + [True] * (len(there) - first_there)


async def _recover(folder: Path) -> bool:
    """Open what a crash left; return whether the object is there. Checks that it is whole, then or now."""
    archive = await open_archive(folder)
    assert list((folder / "staging").iterdir()) == []
    there = await archive.stat("2026/01/audit") is not None
    assert [archived.path async for archived in archive.list()] == ["2026/01/audit"] * there
    if not there:
        await archive.put("2026/01/audit", stream(crash_points.ARCHIVED), {"kind": "audit"})
    assert await archive.verify("2026/01/audit")
    return there


def _overwrite(file: Path, content: bytes) -> None:
    file.chmod(0o600)
    file.write_bytes(content)
