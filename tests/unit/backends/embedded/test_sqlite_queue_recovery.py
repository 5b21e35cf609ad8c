"""What the queue's file keeps when its process ends, and what it refuses."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from shared.backends.embedded.sqlite_queue import QueueDepth, SqliteQueue
from shared.backends.system_clock import SystemClock
from shared.domain.errors import ConfigurationError, LeaseLostError, UnavailableError
from shared.domain.queues import QUEUES, SYNC_INBOUND_SCHEDULED, SYNC_OUTBOUND
from tests.contract.queue_steps import dead_letters, ids, next_session, outgoing, receive_one
from tests.fakes.clock import FakeClock

ROOT = Path(__file__).parents[4]
PLAIN = QUEUES[SYNC_INBOUND_SCHEDULED]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@asynccontextmanager
async def opened(path: Path, clock: FakeClock) -> AsyncIterator[SqliteQueue]:
    queue = await SqliteQueue.open(path, clock)
    try:
        yield queue
    finally:
        await queue.close()


async def test_everything_is_there_after_reopening(path: Path, clock: FakeClock) -> None:
    """Waiting, scheduled and dead-lettered messages, and the ids of the window, outlive the process."""
    due = clock.now() + timedelta(seconds=60)
    async with opened(path, clock) as queue:
        messages = [outgoing("bad"), outgoing("good"), outgoing("later", scheduled_at=due)]
        await queue.send(PLAIN.name, messages)
        receiver = await queue.source.open(PLAIN.name)
        await receiver.dead_letter(await receive_one(receiver), "Poison", "cannot be read")

    async with opened(path, clock) as queue:
        await queue.send(PLAIN.name, [outgoing("good")])
        assert await queue.depth(PLAIN.name) == QueueDepth(active=1, scheduled=1, dead_lettered=1)
        [dead] = await dead_letters(queue.source, PLAIN.name)
        assert (dead.message_id, dead.dead_letter_reason) == ("bad", "Poison")
        clock.advance(60)
        assert ids(await (await queue.source.open(PLAIN.name)).receive(5, 0)) == ["good", "later"]


async def test_numbers_are_never_given_twice(path: Path, clock: FakeClock) -> None:
    """Sequence numbers go on rising after a restart, although the file is empty."""
    numbers: list[int] = []
    for message_id in ("1", "2", "3"):
        async with opened(path, clock) as queue:
            await queue.send(PLAIN.name, [outgoing(message_id)])
            receiver = await queue.source.open(PLAIN.name)
            message = await receive_one(receiver)
            numbers.append(message.sequence_number)
            await receiver.complete(message)

    assert numbers == sorted(set(numbers))


async def test_ids_are_forgotten_after_the_window(path: Path, clock: FakeClock) -> None:
    """When the window has passed every id of a burst is free again, and the file keeps none for ever."""
    burst = [outgoing(f"message {number}") for number in range(1500)]
    async with opened(path, clock) as queue:
        await queue.send(PLAIN.name, burst)
        clock.advance(PLAIN.duplicate_detection_seconds)
        await queue.send(PLAIN.name, burst)
        assert (await queue.depth(PLAIN.name)).active == 3000

        clock.advance(PLAIN.duplicate_detection_seconds)
        await queue.send(PLAIN.name, [outgoing("another")])
        await queue.send(PLAIN.name, [outgoing("one more")])

    assert await asyncio.to_thread(count_ids, path) == 2


def count_ids(path: Path) -> int:
    connection = sqlite3.connect(path)
    (count,) = connection.execute("SELECT count(*) FROM recent_ids").fetchone()
    connection.close()
    return int(count)


async def test_opening_releases_locks_and_counts_their_deliveries(path: Path, clock: FakeClock) -> None:
    """What a dead process had locked is available at once, and its token is worth nothing any more."""
    async with opened(path, clock) as queue:
        await queue.send(PLAIN.name, [outgoing("one")])
        lost = await receive_one(await queue.source.open(PLAIN.name))

    async with opened(path, clock) as queue:
        receiver = await queue.source.open(PLAIN.name)
        again = await receive_one(receiver)
        with pytest.raises(LeaseLostError):
            await receiver.complete(lost)
        assert again.delivery_count == 2


async def test_a_message_that_kills_its_process_is_dead_lettered(path: Path, clock: FakeClock) -> None:
    """A message whose every delivery ends with the process moves aside at the opening after the last."""
    async with opened(path, clock) as queue:
        await queue.send(PLAIN.name, [outgoing("deadly")])
    for _ in range(PLAIN.max_delivery_count):
        async with opened(path, clock) as queue:
            await receive_one(await queue.source.open(PLAIN.name))

    async with opened(path, clock) as queue:
        [dead] = await dead_letters(queue.source, PLAIN.name)
        assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"


async def test_a_killed_process_loses_nothing(path: Path) -> None:
    """After SIGKILL every message is there, and what was locked, sessions too, can be received at once."""
    command = [sys.executable, "-m", "tests.unit.backends.embedded.queue_child", str(path)]
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    said = await child.stdout.readline()
    child.kill()
    await child.wait()
    assert said == b"locked\n"

    queue = await SqliteQueue.open(path, SystemClock())
    try:
        plain = await receive_one(await queue.source.open(SYNC_INBOUND_SCHEDULED))
        session = await (await next_session(queue.source, SYNC_OUTBOUND)).receive(5, wait_seconds=0)
    finally:
        await queue.close()
    assert [(each.message_id, each.delivery_count) for each in (plain, *session)] == [
        ("plain", 2),
        ("a1", 2),
        ("a2", 1),
    ]


async def test_a_file_has_one_owner(path: Path, clock: FakeClock) -> None:
    """A second owner is turned away, and does no harm, until the first has closed the file."""
    async with opened(path, clock) as queue:
        await queue.send(PLAIN.name, [outgoing("one")])
        message = await receive_one(receiver := await queue.source.open(PLAIN.name))
        with pytest.raises(UnavailableError):
            await SqliteQueue.open(path, clock)
        await receiver.complete(message)

    async with opened(path, clock) as queue:
        assert await queue.depth(PLAIN.name) == QueueDepth(active=0, scheduled=0, dead_lettered=0)


async def test_a_file_that_is_no_queue_is_refused(path: Path, clock: FakeClock) -> None:
    """A file that SQLite can't read is a mistake to mend, not something to retry."""
    await asyncio.to_thread(path.write_bytes, b"not a database" * 1000)

    with pytest.raises(ConfigurationError, match=r"queue\.db"):
        await SqliteQueue.open(path, clock)


async def test_a_directory_that_is_not_there_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    """A path that can't be written is a mistake to mend."""
    with pytest.raises(ConfigurationError, match="missing"):
        await SqliteQueue.open(tmp_path / "missing" / "queue.db", clock)


async def test_another_versions_file_is_refused(path: Path, clock: FakeClock) -> None:
    """A file with a schema that this app does not know is left alone."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(ConfigurationError, match="99"):
        await SqliteQueue.open(path, clock)


async def test_messages_of_a_removed_queue_are_not_forgotten(path: Path, clock: FakeClock) -> None:
    """A file with messages of a queue that is no longer declared is refused, and opens once it is again."""
    async with opened(path, clock) as queue:
        await queue.send(PLAIN.name, [outgoing("one")])
    without = {name: queue for name, queue in QUEUES.items() if name != PLAIN.name}

    with pytest.raises(ConfigurationError, match=PLAIN.name):
        await SqliteQueue.open(path, clock, queues=without)

    async with opened(path, clock) as queue:
        assert (await queue.depth(PLAIN.name)).active == 1
