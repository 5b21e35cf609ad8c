"""What the embedded queue does beyond the contract: waking, giving back, counting, and being closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.backends.embedded.sqlite_queue import QueueDepth, SqliteQueue
from shared.backends.system_clock import SystemClock
from shared.domain.errors import (
    ConfigurationError,
    InvalidRequestError,
    InvalidStateError,
    LeaseLostError,
    UnavailableError,
)
from shared.domain.queues import QUEUES, SYNC_INBOUND_SCHEDULED, SYNC_OUTBOUND
from tests.contract.queue_steps import dead_letters, ids, next_session, outgoing, receive_one
from tests.fakes.clock import FakeClock

PLAIN, SESSIONS = QUEUES[SYNC_INBOUND_SCHEDULED], QUEUES[SYNC_OUTBOUND]

FOREVER_SECONDS = 3600.0
"""Longer than a test may last: who is not woken hangs."""


class HeldClock:
    """A clock whose `now` answers only while it is let: it stops the queue's thread where a test wants it."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.let = threading.Event()
        self.let.set()

    def now(self) -> datetime:
        self.asked.set()
        self.let.wait()
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def queue(tmp_path: Path, clock: FakeClock) -> AsyncIterator[SqliteQueue]:
    queue = await SqliteQueue.open(tmp_path / "queue.db", clock, longest_pause_seconds=FOREVER_SECONDS)
    yield queue
    await queue.close()


async def first_look(queue: SqliteQueue) -> None:
    """Return when everybody who has begun to wait has looked once: work is done in order."""
    await asyncio.sleep(0)
    await queue.depth(PLAIN.name)


async def test_a_send_wakes_who_waits(queue: SqliteQueue) -> None:
    """A message wakes a waiting receiver itself, not its next look."""
    receiver = await queue.source.open(PLAIN.name)
    waiting = asyncio.create_task(receiver.receive(1, FOREVER_SECONDS))
    await first_look(queue)

    await queue.send(PLAIN.name, [outgoing("one")])

    assert ids(await waiting) == ["one"]


async def test_giving_back_wakes_who_waits(queue: SqliteQueue) -> None:
    """An abandoned message and a closed receiver's message each wake a waiting receiver."""
    await queue.send(PLAIN.name, [outgoing("one"), outgoing("two")])
    holder, other = await queue.source.open(PLAIN.name), await queue.source.open(PLAIN.name)
    one, _ = await holder.receive(2, wait_seconds=0)

    waiting = asyncio.create_task(other.receive(1, FOREVER_SECONDS))
    await first_look(queue)
    await holder.abandon(one)
    assert ids(await waiting) == ["one"]

    waiting = asyncio.create_task(other.receive(1, FOREVER_SECONDS))
    await first_look(queue)
    await holder.close()
    assert ids(await waiting) == ["two"]


async def test_a_dead_letter_wakes_who_waits_for_it(queue: SqliteQueue) -> None:
    """A receiver of the dead-letter sub-queue is woken by what is moved there."""
    await queue.send(PLAIN.name, [outgoing("bad")])
    receiver = await queue.source.open(PLAIN.name)
    dead_receiver = await queue.source.open(PLAIN.name, dead_letter=True)
    waiting = asyncio.create_task(dead_receiver.receive(1, FOREVER_SECONDS))
    message = await receive_one(receiver)

    await receiver.dead_letter(message, "Poison", "")

    assert ids(await waiting) == ["bad"]


async def test_a_released_session_wakes_who_waits_for_one(queue: SqliteQueue) -> None:
    """Closing a session's receiver wakes who waits for a session, also if nothing of it was received."""
    await queue.send(SESSIONS.name, [outgoing("a1", "a")])
    holder = await next_session(queue.source, SESSIONS.name)
    waiting = asyncio.create_task(queue.source.open_next_session(SESSIONS.name, FOREVER_SECONDS))
    await first_look(queue)

    await holder.close()

    receiver = await waiting
    assert receiver is not None
    assert (await receive_one(receiver)).message_id == "a1"


async def test_who_waits_wakes_at_a_messages_time(tmp_path: Path) -> None:
    """A waiting receiver looks again when the next scheduled message is due, or the next one expires."""
    clock = SystemClock()
    queue = await SqliteQueue.open(tmp_path / "q.db", clock, longest_pause_seconds=FOREVER_SECONDS)
    receiver = await queue.source.open(PLAIN.name)
    dead_receiver = await queue.source.open(PLAIN.name, dead_letter=True)

    due = clock.now() + timedelta(seconds=0.02)
    await queue.send(PLAIN.name, [outgoing("soon", scheduled_at=due)])
    assert ids(await receiver.receive(1, FOREVER_SECONDS)) == ["soon"]
    await queue.send(PLAIN.name, [outgoing("stale", time_to_live_seconds=0.02)])
    assert ids(await dead_receiver.receive(1, FOREVER_SECONDS)) == ["stale"]
    await queue.close()


async def test_who_waits_looks_again_of_its_own_accord(tmp_path: Path, clock: FakeClock) -> None:
    """What rings no bell, such as a clock that jumps, is seen after the longest pause."""
    queue = await SqliteQueue.open(tmp_path / "q.db", clock, longest_pause_seconds=0.01)
    await queue.send(PLAIN.name, [outgoing("one")])
    receiver = await queue.source.open(PLAIN.name)
    await receive_one(receiver)
    waiting = asyncio.create_task(receiver.receive(1, FOREVER_SECONDS))
    await first_look(queue)

    clock.advance(PLAIN.lock_seconds)

    assert ids(await waiting) == ["one"]
    await queue.close()


async def test_patience_ends(queue: SqliteQueue) -> None:
    """A wait that nothing ends returns empty-handed when its time is over."""
    receiver = await queue.source.open(PLAIN.name)

    assert list(await receiver.receive(1, wait_seconds=0.01)) == []
    assert await queue.source.open_next_session(SESSIONS.name, wait_seconds=0.01) is None


async def test_closing_the_queue_ends_every_wait(queue: SqliteQueue) -> None:
    """A receiver that waits when the queue is closed is told so. Closing again, and the receiver, is fine."""
    receiver = await queue.source.open(PLAIN.name)
    waiting = asyncio.create_task(receiver.receive(1, FOREVER_SECONDS))
    await first_look(queue)

    await queue.close()
    await queue.close()

    with pytest.raises(UnavailableError):
        await waiting
    with pytest.raises(UnavailableError):
        await queue.send(PLAIN.name, [outgoing("one")])
    await receiver.close()


async def test_a_receiver_closed_while_it_waits_locks_nothing(queue: SqliteQueue) -> None:
    """What arrives after the receiver was closed goes to another, although a wait is still open."""
    closed, other = await queue.source.open(PLAIN.name), await queue.source.open(PLAIN.name)
    waiting = asyncio.create_task(closed.receive(1, FOREVER_SECONDS))
    await first_look(queue)
    await closed.close()

    await queue.send(PLAIN.name, [outgoing("one")])
    await first_look(queue)

    assert (await receive_one(other)).message_id == "one"
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_receiver_cancelled_in_the_act_gives_back(tmp_path: Path) -> None:
    """A message and a session that were just being locked for a cancelled caller are free again at once."""
    clock = HeldClock()
    queue = await SqliteQueue.open(tmp_path / "q.db", clock)
    await queue.send(PLAIN.name, [outgoing("one")])
    await queue.send(SESSIONS.name, [outgoing("a1", "a")])
    receiver = await queue.source.open(PLAIN.name)

    await cancel_in_the_act(clock, asyncio.create_task(receiver.receive(1, 0)))
    await cancel_in_the_act(clock, asyncio.create_task(queue.source.open_next_session(SESSIONS.name, 0)))

    assert (await receive_one(receiver)).message_id == "one"
    assert (await receive_one(await next_session(queue.source, SESSIONS.name))).message_id == "a1"
    await queue.close()


async def cancel_in_the_act(clock: HeldClock, task: asyncio.Task[object]) -> None:
    clock.let.clear()
    clock.asked.clear()
    await asyncio.to_thread(clock.asked.wait)
    task.cancel()
    clock.let.set()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_closed_receiver_is_of_no_use(queue: SqliteQueue) -> None:
    """Receiving after closing is a mistake, and what was held is lost to the receiver."""
    await queue.send(PLAIN.name, [outgoing("one")])
    receiver = await queue.source.open(PLAIN.name)
    message = await receive_one(receiver)
    await receiver.close()

    with pytest.raises(InvalidStateError):
        await receiver.receive(1, wait_seconds=0)
    with pytest.raises(LeaseLostError):
        await receiver.complete(message)


async def test_a_message_is_settled_once(queue: SqliteQueue) -> None:
    """A message that was completed can't be abandoned any more."""
    await queue.send(PLAIN.name, [outgoing("one")])
    receiver = await queue.source.open(PLAIN.name)
    message = await receive_one(receiver)
    await receiver.complete(message)

    with pytest.raises(LeaseLostError):
        await receiver.abandon(message)


async def test_a_wrong_token_settles_nothing(queue: SqliteQueue) -> None:
    """Only the token of the present lock counts, not the message's number."""
    await queue.send(PLAIN.name, [outgoing("one")])
    receiver = await queue.source.open(PLAIN.name)
    message = await receive_one(receiver)

    with pytest.raises(LeaseLostError):
        await receiver.complete(replace(message, lock_token="another"))

    await receiver.complete(message)


async def test_asking_for_no_message_is_refused(queue: SqliteQueue) -> None:
    """A receiver must be asked for at least one message."""
    receiver = await queue.source.open(PLAIN.name)

    with pytest.raises(InvalidRequestError):
        await receiver.receive(0, wait_seconds=0)


async def test_dead_letters_are_not_dead_lettered_again(queue: SqliteQueue) -> None:
    """Dead-lettering a dead letter gives it back with its first reason."""
    await queue.send(PLAIN.name, [outgoing("bad")])
    receiver = await queue.source.open(PLAIN.name)
    await receiver.dead_letter(await receive_one(receiver), "First", "")
    dead_receiver = await queue.source.open(PLAIN.name, dead_letter=True)

    await dead_receiver.dead_letter(await receive_one(dead_receiver), "Second", "")

    assert (await receive_one(dead_receiver)).dead_letter_reason == "First"


async def test_a_queue_may_drop_what_expires(tmp_path: Path, clock: FakeClock) -> None:
    """Where the declaration says no dead-lettering on expiration, an expired message is gone."""
    dropping = {PLAIN.name: replace(PLAIN, dead_lettering_on_expiration=False)}
    queue = await SqliteQueue.open(tmp_path / "q.db", clock, queues=dropping)
    await queue.send(PLAIN.name, [outgoing("stale", time_to_live_seconds=60)])
    clock.advance(60)

    assert await queue.depth(PLAIN.name) == QueueDepth(active=0, scheduled=0, dead_lettered=0)
    await queue.close()


async def test_depth_counts_by_place(queue: SqliteQueue, clock: FakeClock) -> None:
    """Depth tells active messages, locked ones included, from scheduled ones and dead letters."""
    due = clock.now() + timedelta(seconds=60)
    messages = [outgoing("bad"), outgoing("locked"), outgoing("waiting"), outgoing("later", scheduled_at=due)]
    await queue.send(PLAIN.name, messages)
    receiver = await queue.source.open(PLAIN.name)
    await receiver.dead_letter(await receive_one(receiver), "Poison", "")
    await receive_one(receiver)

    assert await queue.depth(PLAIN.name) == QueueDepth(active=2, scheduled=1, dead_lettered=1)
    clock.advance(60)
    assert await queue.depth(PLAIN.name) == QueueDepth(active=3, scheduled=0, dead_lettered=1)
    with pytest.raises(ConfigurationError):
        await queue.depth("no-such-queue")


async def test_a_due_message_joins_behind_what_is_there(queue: SqliteQueue, clock: FakeClock) -> None:
    """A scheduled message is numbered when its time comes, so its session sees it after what came before."""
    due = clock.now() + timedelta(seconds=60)
    await queue.send(SESSIONS.name, [outgoing("a1", "a", scheduled_at=due), outgoing("a2", "a")])
    clock.advance(60)
    await queue.send(SESSIONS.name, [outgoing("a3", "a")])

    receiver = await next_session(queue.source, SESSIONS.name)

    assert ids(await receiver.receive(5, wait_seconds=0)) == ["a2", "a1", "a3"]


async def test_the_session_that_waited_longest_comes_first(queue: SqliteQueue) -> None:
    """A session with a long backlog does not keep the others waiting."""
    await queue.send(SESSIONS.name, [outgoing("a1", "a"), outgoing("b1", "b"), outgoing("a2", "a")])
    served: list[str] = []
    while receiver := await queue.source.open_next_session(SESSIONS.name, wait_seconds=0):
        message = await receive_one(receiver)
        served.append(message.message_id)
        await receiver.complete(message)
        await receiver.close()

    assert served == ["a1", "b1", "a2"]


async def test_closing_a_session_counts_the_deliveries(queue: SqliteQueue) -> None:
    """A message that makes its receiver close again and again is dead-lettered after its last delivery."""
    await queue.send(SESSIONS.name, [outgoing("a1", "a")])
    for _ in range(SESSIONS.max_delivery_count):
        receiver = await next_session(queue.source, SESSIONS.name)
        await receive_one(receiver)
        await receiver.close()

    assert await queue.source.open_next_session(SESSIONS.name, wait_seconds=0) is None
    assert ids(await dead_letters(queue.source, SESSIONS.name)) == ["a1"]
