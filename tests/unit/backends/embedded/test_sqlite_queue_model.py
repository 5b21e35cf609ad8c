"""Whatever happens in whatever order, no message is lost and none has two holders."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.backends.embedded.sqlite_queue import SqliteQueue
from shared.domain.errors import LeaseLostError
from shared.domain.queues import QUEUES, SYNC_INBOUND_SCHEDULED, SYNC_OUTBOUND
from shared.ports.queue import MessageReceiver, OutgoingMessage, ReceivedMessage
from tests.contract.queue_steps import dead_letters, outgoing
from tests.fakes.clock import FakeClock

T = TypeVar("T")

# The declared queues, with figures that a few steps reach.
SMALL = {
    name: replace(QUEUES[name], lock_seconds=60, max_delivery_count=3, time_to_live_seconds=500)
    for name in (SYNC_INBOUND_SCHEDULED, SYNC_OUTBOUND)
}
QUEUE_NAMES = st.sampled_from(sorted(SMALL))


@dataclass
class Opened:
    queue: str
    receiver: MessageReceiver
    of_session: bool


@dataclass
class Held:
    """A message that the model believes to be locked."""

    by: Opened
    message: ReceivedMessage


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory()
        self._clock = FakeClock()
        self._sent: dict[str, set[str]] = {name: set() for name in SMALL}
        self._completed: dict[str, set[str]] = {name: set() for name in SMALL}
        self._open_queue()

    def _open_queue(self) -> None:
        path = Path(self._folder.name) / "queue.db"
        self._queue = self._run(SqliteQueue.open(path, self._clock, queues=SMALL))
        self._receivers: list[Opened] = []
        self._held: list[Held] = []

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run(work)

    @rule(queue=QUEUE_NAMES, count=st.integers(1, 4), delayed=st.booleans(), short_lived=st.booleans())
    def send(self, queue: str, count: int, delayed: bool, short_lived: bool) -> None:
        messages = [self._new(queue, number, delayed, short_lived) for number in range(count)]
        # Each twice: the second is a duplicate, which must not arrive.
        self._run(self._queue.send(queue, messages + messages))
        self._sent[queue] |= {message.message_id for message in messages}

    def _new(self, queue: str, number: int, delayed: bool, short_lived: bool) -> OutgoingMessage:
        return outgoing(
            f"{len(self._sent[queue])}-{number}",
            f"session {number % 2}" if SMALL[queue].requires_session else None,
            scheduled_at=self._clock.now() + timedelta(seconds=30) if delayed else None,
            time_to_live_seconds=100 if short_lived else None,
        )

    @rule(queue=QUEUE_NAMES, dead_letter=st.booleans())
    def open(self, queue: str, dead_letter: bool) -> None:
        if dead_letter or not SMALL[queue].requires_session:
            receiver = self._run(self._queue.source.open(queue, dead_letter=dead_letter))
            self._receivers.append(Opened(queue, receiver, of_session=False))
        elif session := self._run(self._queue.source.open_next_session(queue, wait_seconds=0)):
            self._receivers.append(Opened(queue, session, of_session=True))

    @precondition(lambda self: self._receivers)
    @rule(data=st.data(), limit=st.integers(1, 5))
    def receive(self, data: st.DataObject, limit: int) -> None:
        opened = data.draw(st.sampled_from(self._receivers))
        try:
            messages = self._run(opened.receiver.receive(limit, wait_seconds=0))
        except LeaseLostError:
            assert opened.of_session
            return
        self._check_free(opened, messages)
        self._held.extend(Held(opened, message) for message in messages)

    def _check_free(self, opened: Opened, messages: Sequence[ReceivedMessage]) -> None:
        others = [each for each in self._held if each.by.queue == opened.queue and self._is_live(each)]
        ids = [message.message_id for message in messages]
        assert len(set(ids)) == len(ids)
        assert not {each.message.message_id for each in others} & set(ids), "a message has two holders"
        if opened.of_session:
            foreign = [each for each in others if each.by.of_session and each.by is not opened]
            sessions = {each.message.session_id for each in foreign}
            assert not sessions & {message.session_id for message in messages}, "a session has two holders"

    def _is_live(self, held: Held) -> bool:
        return held.message.locked_until > self._clock.now()

    @precondition(lambda self: self._held)
    @rule(data=st.data(), how=st.sampled_from(["complete", "complete", "abandon", "dead_letter"]))
    def settle(self, data: st.DataObject, how: str) -> None:
        held = data.draw(st.sampled_from(self._held))
        self._held.remove(held)
        try:
            self._run(_settle(held, how))
        except LeaseLostError:
            assert not self._is_live(held), "a lock was lost before its time"
            return
        assert self._is_live(held), "a lock outlived its time"
        if how == "complete":
            self._completed[held.by.queue].add(held.message.message_id)

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self._held))
        if not self._is_live(held):
            return
        until = self._run(held.by.receiver.renew(held.message))
        for each in self._held:
            if each is held or (held.by.of_session and each.by is held.by):
                each.message = replace(each.message, locked_until=until)

    @precondition(lambda self: self._receivers)
    @rule(data=st.data())
    def close_receiver(self, data: st.DataObject) -> None:
        opened = data.draw(st.sampled_from(self._receivers))
        self._run(opened.receiver.close())
        self._receivers.remove(opened)
        self._held = [each for each in self._held if each.by is not opened]

    @rule(seconds=st.sampled_from([1, 29, 59, 60, 100, 500]))
    def pass_time(self, seconds: int) -> None:
        self._clock.advance(seconds)

    @rule()
    def restart(self) -> None:
        self._run(self._queue.close())
        self._open_queue()

    @invariant()
    def every_message_is_somewhere(self) -> None:
        for name in SMALL:
            depth = self._run(self._queue.depth(name))
            there = depth.active + depth.scheduled + depth.dead_lettered
            assert len(self._sent[name]) == len(self._completed[name]) + there

    def teardown(self) -> None:
        self._clock.advance(1000)
        self.restart()
        for name in SMALL:
            dead = [message.message_id for message in self._run(dead_letters(self._queue.source, name))]
            assert len(set(dead)) == len(dead)
            assert set(dead) == self._sent[name] - self._completed[name]
        self._run(self._queue.close())
        self._loop.close()
        self._folder.cleanup()


async def _settle(held: Held, how: str) -> None:
    receiver, message = held.by.receiver, held.message
    match how:
        case "complete":
            await receiver.complete(message)
        case "abandon":
            await receiver.abandon(message)
        case _:
            await receiver.dead_letter(message, "Reason", "Description")


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=40, stateful_step_count=40)
