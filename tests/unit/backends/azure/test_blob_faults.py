"""A storage account that fails in every way, and the archive that goes on."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from azure.storage.blob.aio import BlobClient

from shared.backends.azure.blob_archive import BlobArchive
from shared.backends.azure.service_calls import POLICY
from shared.domain.errors import (
    AlreadyExistsError,
    ConfigurationError,
    RetryableError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)
from tests.doubles.azurite import connection_string, create_container
from tests.doubles.faults import Fault
from tests.doubles.proxy import faulty_proxy
from tests.doubles.server import DoubleServer
from tests.fakes.clock import FakeClock
from tests.unit.backends.azure.trouble import TURNS, Trouble

pytest_plugins = ["tests.contract.archive_backends"]
pytestmark = pytest.mark.node

MEGABYTE = 1024 * 1024


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def account(azurite: str) -> AsyncIterator[DoubleServer]:
    async with faulty_proxy(azurite) as proxy:
        yield proxy


@pytest.fixture
async def container(azurite: str) -> str:
    name = uuid.uuid4().hex
    await create_container(azurite, name)
    return name


@pytest.fixture
async def archive(account: DoubleServer, container: str, clock: FakeClock) -> AsyncIterator[BlobArchive]:
    opened = await open_archive(account, container, clock, timeout_seconds=30)
    yield opened
    await opened.close()


async def open_archive(
    account: DoubleServer, container: str, clock: FakeClock, *, timeout_seconds: float
) -> BlobArchive:
    return await BlobArchive.open_by_connection_string(
        connection_string(account.url),
        container,
        clock,
        timeout_seconds=timeout_seconds,
        random=random.Random(1).random,
    )


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_lost_answer_to_the_commit_is_no_conflict(
    account: DoubleServer, archive: BlobArchive
) -> None:
    """When the commit's answer is lost, the repeated one finds the object there and knows it for its own."""
    cut = iter([Fault.CUT])
    account.faults.plan = lambda request: (
        next(cut, None) if request.query.get("comp") == "blocklist" else None
    )

    put = await archive.put("a", stream(b"content"))

    assert await archive.stat("a") == put
    assert await archive.verify("a")
    with pytest.raises(AlreadyExistsError):
        await archive.put("a", stream(b"content"))


async def test_throttling_ends_after_bounded_attempts(
    account: DoubleServer, archive: BlobArchive, clock: FakeClock
) -> None:
    """An account that throttles on is asked four times, with its own pauses, and then told of."""
    account.faults.plan = lambda _request: Fault.THROTTLED

    with pytest.raises(ThrottledError) as caught:
        await archive.put("a", stream(b"content"))

    assert caught.value.retry_after_seconds == 2
    assert account.faults.requests == POLICY.max_attempts
    assert all(2 <= seconds <= 4 for seconds in clock.slept)


async def test_a_refused_connection_is_unreachable(account: DoubleServer, archive: BlobArchive) -> None:
    """With nobody at the port nothing is acknowledged; the same archive works once somebody is."""
    await archive.put("a", stream(b"content"))
    await account.refuse()

    with pytest.raises(UnreachableError):
        await archive.put("b", stream(b"content"))
    with pytest.raises(UnreachableError):
        await archive.verify("a")

    await account.listen()
    assert [each.path async for each in archive.list()] == ["a"]
    await archive.put("b", stream(b"content"))
    assert await archive.verify("b")


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.LATE])
async def test_a_slow_account_is_given_up(
    account: DoubleServer, container: str, clock: FakeClock, fault: Fault
) -> None:
    """A call that gets no answer ends at its time-out, and acknowledges nothing."""
    archive = await open_archive(account, container, clock, timeout_seconds=0.5)
    account.faults.plan = lambda _request: fault

    with pytest.raises(UnavailableError, match="in time"):
        await archive.put("a", stream(b"content"))

    await archive.close()


@pytest.mark.parametrize("kind", TURNS)
async def test_a_minute_of_trouble_loses_nothing(
    account: DoubleServer, container: str, clock: FakeClock, kind: str
) -> None:
    """In a minute of trouble whatever was acknowledged is stored whole; after it the same archive works."""
    archive = await open_archive(account, container, clock, timeout_seconds=1.0 if kind == "slow" else 30)
    stored = [await archive.put("part-000", stream(b"before"))]
    trouble = Trouble(kind, account, clock)
    failures = 0
    await trouble.begin()
    while not trouble.is_over:
        path = f"part-{len(stored) + failures:03d}"
        try:
            stored.append(await archive.put(path, stream(path.encode(), bytes(MEGABYTE))))
        except RetryableError:
            failures += 1
        clock.advance(0.7)
    await trouble.end()

    assert failures > 0
    assert trouble.met == {fault for fault in trouble.turns if fault}
    if None in trouble.turns:
        assert len(stored) > 4
    else:  # what was under way at the end may have succeeded
        assert len(stored) <= 2
    found = {each.path: each async for each in archive.list()}
    for put in stored:
        assert found[put.path] == put
        assert await archive.verify(put.path)
    await archive.put("after", stream(b"content"))
    assert await archive.verify("after")
    await archive.close()


async def test_a_reading_goes_on_after_a_break(account: DoubleServer, archive: BlobArchive) -> None:
    """When the connection breaks in the middle of an object, only the block that was lost is read again."""
    content = b"".join(bytes([number]) * MEGABYTE for number in range(4))
    await archive.put("a", stream(content))
    breaks = iter([None, Fault.CUT, Fault.RESET])
    account.faults.plan = lambda request: next(breaks, None) if request.method == "GET" else None
    account.faults.requests = 0

    assert b"".join([block async for block in archive.get("a")]) == content
    assert account.faults.requests == 1 + 4 + 2


async def test_memory_is_bounded_by_blocks(account: DoubleServer, archive: BlobArchive) -> None:
    """Content is asked for only while it is sent: never more than one block ahead."""
    ahead = []

    async def counted() -> AsyncIterator[bytes]:
        for number in range(6):
            ahead.append((number + 1) * MEGABYTE - sent[0])
            yield bytes(MEGABYTE)

    sent = [0]

    def count(request: web.Request) -> None:
        if request.query.get("comp") == "block":
            sent[0] += request.content_length or 0

    account.faults.plan = count
    await archive.put("a", counted())
    assert max(ahead) <= MEGABYTE


async def test_objects_go_to_the_cold_tier(azurite: str, container: str, archive: BlobArchive) -> None:
    """What is archived is cheap to keep, and still readable at once."""
    await archive.put("a", stream(b"content"))

    async with BlobClient.from_connection_string(connection_string(azurite), container, "a") as blob:
        assert (await blob.get_blob_properties()).blob_tier == "Cold"


async def test_a_changed_object_does_not_verify(azurite: str, container: str, archive: BlobArchive) -> None:
    """Content that somebody replaced under the same record is found out."""
    put = await archive.put("a", stream(b"content"))
    async with BlobClient.from_connection_string(connection_string(azurite), container, "a") as blob:
        held = await blob.get_blob_properties()
        await blob.upload_blob(b"CONTENT", metadata=held.metadata, overwrite=True)

    assert await archive.stat("a") == put
    assert not await archive.verify("a")


async def test_foreign_blobs_are_no_objects(azurite: str, container: str, archive: BlobArchive) -> None:
    """A blob that no archive has put there is not listed, and still never written over."""
    async with BlobClient.from_connection_string(connection_string(azurite), container, "a") as blob:
        await blob.upload_blob(b"foreign")

    assert await archive.stat("a") is None
    assert [each.path async for each in archive.list()] == []
    with pytest.raises(AlreadyExistsError):
        await archive.put("a", stream(b"content"))


async def test_a_container_that_is_missing_is_told(account: DoubleServer, clock: FakeClock) -> None:
    """Nobody takes a wrong setting for an empty archive."""
    archive = await open_archive(account, "missing", clock, timeout_seconds=30)
    with pytest.raises(ConfigurationError, match="container"):
        await archive.put("a", stream(b"content"))
    with pytest.raises(ConfigurationError, match="container"):
        assert [each async for each in archive.list()] == []
    await archive.close()


async def test_a_wrong_connection_string_is_not_repeated() -> None:
    """The error about it does not hold the key."""
    with pytest.raises(ConfigurationError) as caught:
        await BlobArchive.open_by_connection_string("AccountKey=hunter2", "archive", FakeClock())
    assert "hunter2" not in repr(caught.value)
