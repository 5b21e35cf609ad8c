"""A queue with peek-lock: what Service Bus does between a send and a settlement."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from shared.domain.queues import Queue
from tests.doubles.servicebus.conditions import NOT_ALLOWED, SESSION_LOCK_LOST, RefusedError, lock_lost
from tests.doubles.servicebus.messages import ACTIVE, SCHEDULED, Lock, Message
from tests.doubles.servicebus.session_locks import Group, first_waiting
from tests.doubles.servicebus.timeline import Timeline

if TYPE_CHECKING:
    from tests.doubles.servicebus.links import Link

Grant = Callable[[Group], None]

DEAD_LETTER_SUFFIX = "/$DeadLetterQueue"


class BrokerQueue:
    """A declared queue, or (with a `parent`) its dead-letter sub-queue."""

    def __init__(
        self,
        declared: Queue,
        timeline: Timeline,
        count: Callable[[str], None],
        parent: BrokerQueue | None = None,
    ) -> None:
        self.declared, self.timeline, self.count, self.parent = declared, timeline, count, parent
        self.name = declared.name + (DEAD_LETTER_SUFFIX if parent else "")
        self.requires_session = declared.requires_session and not parent
        self.messages: dict[int, Message] = {}
        self.groups: dict[str | None, Group] = {}
        self.links: deque[Link] = deque()
        self.waiting: list[Grant] = []
        self.dead_letters = self if parent else BrokerQueue(declared, timeline, lambda _what: None, self)
        self._locked: dict[UUID, Message] = {}
        self._seen: dict[object, int] = {}
        self._next_sequence = 1
        self._pump_planned = False

    def lock_end(self) -> int:
        return self.timeline.now() + self.declared.lock_seconds * 1000

    def group(self, session_id: str | None) -> Group:
        """Return what one lock covers: the whole queue, or a session."""
        key = session_id if self.requires_session else None
        return self.groups.setdefault(key, Group(key))

    def put(self, message: Message) -> None:
        """Take a new message; one whose id came within the window is dropped."""
        if self.requires_session and message.session_id is None:
            raise RefusedError(
                NOT_ALLOWED, "The SessionId was not set on a message of an entity with sessions."
            )
        self.count("sent")
        if self._is_duplicate(message):
            self.count("duplicates")
            return
        now = self.timeline.now()
        message.enqueued, message.sequence = now, self._next_sequence
        message.time_to_live = min(
            message.time_to_live or (1 << 32) - 1, self.declared.time_to_live_seconds * 1000
        )
        self._next_sequence += 1
        self.messages[message.sequence] = message
        if message.scheduled and message.scheduled > now:
            message.state = SCHEDULED
            self.timeline.call_at(message.scheduled, partial(self._activate, message, message.scheduled))
        else:
            self._offer(message)

    def _is_duplicate(self, message: Message) -> bool:
        now, window = self.timeline.now(), self.declared.duplicate_detection_seconds * 1000
        if message.message_id is None or now < self._seen.get(message.message_id, 0) + window:
            return message.message_id is not None
        self._seen[message.message_id] = now
        return False

    def _activate(self, message: Message, when: int) -> None:
        message.state, message.enqueued = ACTIVE, when
        self._offer(message)

    def _offer(self, message: Message) -> None:
        if not self.parent:
            end = message.enqueued + (message.time_to_live or 0)
            if self.timeline.now() >= end:
                self._expire(message)
                return
            self.timeline.call_at(end, partial(self._expire, message))
        heapq.heappush(self.group(message.session_id).ready, (message.sequence, message))
        self.plan_pump()

    def _expire(self, message: Message) -> None:
        if message.sequence not in self.messages or message.lock or message.state != ACTIVE:
            return
        self.count("expired")
        if self.declared.dead_lettering_on_expiration:
            self.dead_letter(message, "TTLExpiredException", "The message expired and was dead lettered.")
        else:
            self.remove(message)

    @property
    def has_ready(self) -> bool:
        """True while a message could be received now."""
        return any(one.state == ACTIVE and one.lock is None for one in self.messages.values())

    def plan_pump(self) -> None:
        """Deliver at the next turn of the loop, once for all that happens in this one."""
        if not self._pump_planned:
            self._pump_planned = True
            asyncio.get_running_loop().call_soon(self.pump)

    def pump(self) -> None:
        """Grant sessions to those who wait, and deliver as long as there are messages and credit."""
        self._pump_planned = False
        while self.waiting and (group := first_waiting(self)):
            self.waiting.pop(0)(group)
        for group in list(self.groups.values()):
            links = deque([group.link] if group.link else []) if self.requires_session else self.links
            self._deliver(group, links)

    def _deliver(self, group: Group, links: deque[Link]) -> None:
        idle = 0
        while group.ready and idle < len(links):
            link = links[0]
            links.rotate(-1)
            if not link.can_take():
                idle += 1
                continue
            idle, message = 0, heapq.heappop(group.ready)[1]
            if message.sequence in self.messages:
                self._lock(message, link, group)
                link.deliver(message)

    def _lock(self, message: Message, link: Link, group: Group) -> None:
        message.lock = lock = Lock(link, group.until if self.requires_session else self.lock_end())
        self._locked[lock.token] = message
        self.count("delivered")
        if not self.requires_session:
            self._arm(message, lock)

    def _arm(self, message: Message, lock: Lock) -> None:
        lock.timer = self.timeline.call_at(lock.until, partial(self._lock_ended, message, lock))

    def _lock_ended(self, message: Message, lock: Lock) -> None:
        if message.lock is lock:
            self.unlock(message, counts=True)

    def take(self, token: UUID) -> Message:
        """Return the message of a live lock."""
        message = self._locked.get(token)
        if message is None:
            raise lock_lost()
        if self.requires_session and self.group(message.session_id).link is None:
            raise RefusedError(SESSION_LOCK_LOST, "The session lock was lost.")
        return message

    def renew(self, token: UUID) -> int:
        """Lock a message for another period, and return its new end."""
        message = self.take(token)
        lock = message.lock
        assert lock
        if lock.timer:
            lock.timer.cancel()
        lock.until = self.lock_end()
        self._arm(message, lock)
        self.count("renewed")
        return lock.until

    def locked_by(self, link: Link) -> list[Message]:
        return [message for message in self._locked.values() if message.lock and message.lock.link is link]

    def _let_go(self, message: Message) -> None:
        if message.lock:
            self._locked.pop(message.lock.token, None)
            if message.lock.timer:
                message.lock.timer.cancel()
            message.lock = None

    def remove(self, message: Message) -> None:
        self._let_go(message)
        self.messages.pop(message.sequence, None)

    def complete(self, message: Message) -> None:
        self.remove(message)
        self.count("completed")

    def unlock(self, message: Message, *, counts: bool) -> None:
        """Give a message back; a delivery that counts may have been its last."""
        self._let_go(message)
        message.delivery_count += counts
        if not self.parent and message.delivery_count >= self.declared.max_delivery_count:
            self.dead_letter(message, "MaxDeliveryCountExceeded", "The message was delivered too often.")
        else:
            self._offer(message)

    def dead_letter(self, message: Message, reason: str | None, description: str | None) -> None:
        """Move a message to the sub-queue with its times; one that is there already stays."""
        self.remove(message)
        if not self.parent:
            message.give_reason(reason, description, self.name)
            self.count("dead_lettered")
        self.dead_letters.adopt(message)

    def adopt(self, message: Message) -> None:
        """Take a message as it is."""
        self.messages[message.sequence] = message
        self._offer(message)
