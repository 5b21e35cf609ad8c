"""What every archive does."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from shared.domain.errors import AlreadyExistsError, InvalidRequestError, NotFoundError
from shared.ports.archive import Archive, ArchivedObject

pytest_plugins = ["tests.contract.archive_backends"]

MEGABYTE = 1024 * 1024


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def read(archive: Archive, path: str) -> bytes:
    return b"".join([block async for block in archive.get(path)])


async def paths(archive: Archive, prefix: str = "") -> list[str]:
    return [archived.path async for archived in archive.list(prefix)]


async def test_an_object_reads_back(archive: Archive) -> None:
    """Content, size, hash and metadata are what was put."""
    put = await archive.put(
        "2026/01/audit.jsonl", stream(b"one\n", b"", b"two\n"), {"kind": "audit", "rows": "2"}
    )

    assert await read(archive, "2026/01/audit.jsonl") == b"one\ntwo\n"
    assert (put.path, put.size_bytes) == ("2026/01/audit.jsonl", 8)
    assert put.sha256 == hashlib.sha256(b"one\ntwo\n").hexdigest()
    assert dict(put.metadata) == {"kind": "audit", "rows": "2"}
    assert put.created_at.tzinfo is not None
    known = await archive.stat("2026/01/audit.jsonl")
    assert known is not None
    assert known.created_at == put.created_at
    assert await archive.verify("2026/01/audit.jsonl")


async def test_stat_tells_what_put_recorded(archive: Archive) -> None:
    """Stat returns path, size, hash and metadata without reading, and None for what is not there."""
    put = await archive.put("a", stream(b"content"), {"kind": "audit"})

    known = await archive.stat("a")

    assert known is not None
    assert _facts(known) == _facts(put)
    assert await archive.stat("b") is None


async def test_a_large_object_is_streamed(archive: Archive) -> None:
    """Content of several megabytes in uneven chunks comes back the same."""
    chunks = [bytes([number]) * 700_001 for number in range(5)]

    put = await archive.put("large", stream(*chunks))

    assert put.size_bytes == 5 * 700_001 > 3 * MEGABYTE
    assert await read(archive, "large") == b"".join(chunks)
    assert await archive.verify("large")


async def test_an_empty_object_is_an_object(archive: Archive) -> None:
    """No content at all makes an object of no bytes."""
    put = await archive.put("empty", stream())

    assert (put.size_bytes, put.sha256) == (0, hashlib.sha256(b"").hexdigest())
    assert await read(archive, "empty") == b""
    assert await archive.verify("empty")


async def test_an_object_is_never_changed(archive: Archive) -> None:
    """A second put to a path is refused, and what is there stays as it is."""
    first = await archive.put("a/b", stream(b"first"), {"kind": "first"})

    with pytest.raises(AlreadyExistsError):
        await archive.put("a/b", stream(b"second"), {"kind": "second"})

    known = await archive.stat("a/b")
    assert known is not None
    assert _facts(known) == _facts(first)
    assert await read(archive, "a/b") == b"first"
    assert await archive.verify("a/b")


async def test_of_several_puts_at_once_one_wins(archive: Archive) -> None:
    """Concurrent puts to one path leave one object, whole and with its own record."""

    async def put(number: int) -> ArchivedObject | None:
        try:
            return await archive.put("contested", stream(b"%d" % number * 1000), {"number": str(number)})
        except AlreadyExistsError:
            return None

    outcomes = await asyncio.gather(*(put(number) for number in range(5)))

    winners = [outcome for outcome in outcomes if outcome is not None]
    known = await archive.stat("contested")
    assert len(winners) == 1
    assert known is not None
    assert _facts(known) == _facts(winners[0])
    assert await archive.verify("contested")


async def test_a_failing_stream_leaves_nothing(archive: Archive) -> None:
    """When the content breaks off, no object appears, and the path is free for another try."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * (MEGABYTE + 1)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        await archive.put("a", broken())

    assert await archive.stat("a") is None
    assert await paths(archive) == []
    await archive.put("a", stream(b"whole"))
    assert await read(archive, "a") == b"whole"


async def test_what_is_not_there_is_not_found(archive: Archive) -> None:
    """Reading and verifying an unknown path raise NotFoundError at the first step."""
    content = archive.get("nobody")
    with pytest.raises(NotFoundError):
        await anext(content)
    with pytest.raises(NotFoundError):
        await archive.verify("nobody")


async def test_objects_are_listed_in_path_order(archive: Archive) -> None:
    """The order is that of the whole path by code point, whatever the folders."""
    made = ["b", "a/b", "a-b", "a.b", "a", "a/b/c", "A", "a0", "a/b-c", "a_"]
    for path in made:
        await archive.put(path, stream(path.encode()))

    assert await paths(archive) == sorted(made)


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/b/", "a/b/c", "a/b/cd", "b/x", "z", "../", "/"])
async def test_a_prefix_picks_paths(archive: Archive, prefix: str) -> None:
    """Exactly the objects whose path starts with the prefix are listed; it need not end at a part's end."""
    made = ["a/b/c", "a/b/cc", "a/b.d", "a/bb", "ab", "b"]
    for path in made:
        await archive.put(path, stream(path.encode()))

    assert await paths(archive, prefix) == sorted(path for path in made if path.startswith(prefix))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/../b",
        "a/./b",
        "a b",
        "a\\b",
        "ä",
        "a\0b",
        "a\n",
        "a" * 513,
    ],
)
async def test_bad_paths_are_refused(archive: Archive, path: str) -> None:
    """A path outside the rule is refused by every method."""
    with pytest.raises(InvalidRequestError):
        await archive.put(path, stream(b"content"))
    with pytest.raises(InvalidRequestError):
        await anext(archive.get(path))
    with pytest.raises(InvalidRequestError):
        await archive.stat(path)
    with pytest.raises(InvalidRequestError):
        await archive.verify(path)


@pytest.mark.parametrize("path", ["a", "a.b-c_D/0", "..a", "a" * 200, "/".join(["abcdefg"] * 64)])
async def test_good_paths_are_taken(archive: Archive, path: str) -> None:
    """Paths at the edge of the rule are taken."""
    await archive.put(path, stream(b"content"))

    assert await paths(archive) == [path]


async def test_metadata_comes_back_exactly(archive: Archive) -> None:
    """No value is too odd, if it is printable ASCII: none at all, spaces at the ends, quotes."""
    metadata = {"empty": "", "spaces": "  a  b ", "quoted": "\"a\" \\ 'b' %20 ~", "sha256": "mine"}

    await archive.put("a", stream(b"content"), metadata)

    known = await archive.stat("a")
    assert known is not None
    assert dict(known.metadata) == metadata
    assert [dict(each.metadata) async for each in archive.list()] == [metadata]


@pytest.mark.parametrize(
    "metadata", [{"": "x"}, {"Kind": "x"}, {"1": "x"}, {"a-b": "x"}, {"a": "é"}, {"a": "x\ny"}]
)
async def test_bad_metadata_is_refused(archive: Archive, metadata: dict[str, str]) -> None:
    """Metadata outside the rule is refused before anything is stored."""
    with pytest.raises(InvalidRequestError):
        await archive.put("a", stream(b"content"), metadata)

    assert await archive.stat("a") is None


def _facts(archived: ArchivedObject) -> tuple[str, int, str, dict[str, str]]:
    return archived.path, archived.size_bytes, archived.sha256, dict(archived.metadata)
