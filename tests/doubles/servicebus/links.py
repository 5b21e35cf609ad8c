"""One direction between a client and a node: a queue, its management node, or the node for tokens."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.doubles.servicebus.amqp_types import AmqpValue, Described, Symbol, UInt, ULong
from tests.doubles.servicebus.conditions import NOT_ALLOWED, VENDOR, RefusedError, error
from tests.doubles.servicebus.messages import Message
from tests.doubles.servicebus.session_locks import Group, ask_for_session, release_session

if TYPE_CHECKING:
    from tests.doubles.servicebus.connection import Session
    from tests.doubles.servicebus.queues import BrokerQueue

ATTACH, FLOW, TRANSFER, DETACH = 0x12, 0x13, 0x14, 0x16

SESSION_FILTER = Symbol(VENDOR + "session-filter")

MAX_MESSAGE_BYTES = 256 * 1024
"""What a link of the Standard tier takes."""

TICKS_EPOCH = 621_355_968_000_000_000
"""1970 in .NET ticks of 100 ns."""


class Link:
    """A link as the client asked for it; `receives` is the client's view."""

    def __init__(self, session: Session, attach: list[AmqpValue], node: str) -> None:
        self.session, self.attach, self.node = session, attach, node
        self.name, self.handle, self.receives = attach[:3]
        self.queue: BrokerQueue | None = None
        self.group: Group | None = None
        self.credit, self.count, self.open = 0, 0, True
        self.parts: list[tuple[list[AmqpValue], bytes]] = []

    def can_take(self) -> bool:
        return self.open and self.credit > 0 and self.session.remote_window > 0

    def deliver(self, message: Message) -> None:
        """Send a locked message; its lock token is the delivery's tag."""
        assert message.lock
        number = self.transfer(message.encode(), message.lock.token.bytes_le, settled=False)
        self.session.unsettled[number] = (self, message.lock.token)

    def transfer(self, payload: bytes, tag: bytes, *, settled: bool) -> int:
        """Send bytes in as many frames as they need, and return the delivery's number."""
        session, limit = self.session, self.session.connection.remote_max_frame - 64
        number = session.next_delivery()
        for start in range(0, len(payload) or 1, limit):
            more = start + limit < len(payload)
            fields = [UInt(self.handle), UInt(number), tag, UInt(0), settled, more]
            session.send(TRANSFER, fields, payload[start : start + limit])
            session.next_out += 1
            session.remote_window -= 1
        self.credit -= 1
        self.count += 1
        return number

    def reply(self, payload: bytes) -> None:
        """Send an answer, settled: the SDK never settles what a management node answers."""
        self.transfer(payload, uuid.uuid4().bytes, settled=True)

    def flow(self, *, drain: bool = False) -> None:
        session = self.session
        window = [UInt(session.next_in), UInt(5000), UInt(session.next_out), UInt(65536)]
        credit = [UInt(self.handle), UInt(self.count), UInt(max(0, self.credit)), None, drain, False]
        session.send(FLOW, window + credit)

    def grant_credit(self, credit: int, *, beyond: int, drain: bool) -> None:
        """Take the client's credit, which counts from `beyond`: repeating it adds nothing."""
        self.credit = beyond + credit - self.count
        if self.queue:
            self.queue.pump()
        if drain:
            self.count, self.credit = self.count + max(0, self.credit), 0
            self.flow(drain=True)

    def accept(self, source: AmqpValue = None, properties: AmqpValue = None) -> None:
        attach, sends = self.attach, not self.receives
        source = source or attach[5]
        head = [self.name, UInt(self.handle), sends, attach[3], attach[4], source, attach[6], None, None]
        initial = None if sends else UInt(0)
        self.session.send(ATTACH, [*head, initial, ULong(MAX_MESSAGE_BYTES), None, None, properties])

    def accept_queue(self, queue: BrokerQueue) -> None:
        """Begin to receive from a queue, or to wait for one of its sessions."""
        self.queue = queue
        filters = (self.attach[5].value + [None] * 8)[7] or {}
        if (SESSION_FILTER in filters) != queue.requires_session:
            raise RefusedError(NOT_ALLOWED, "Sessions are received where there are any, and only there.")
        if not queue.requires_session:
            self.accept()
            queue.links.append(self)
            return
        wanted = filters[SESSION_FILTER]
        wanted = wanted.value if isinstance(wanted, Described) else wanted
        ask_for_session(queue, self, wanted, (self.attach[13] or {}).get(VENDOR + "timeout") or 60_000)

    def accept_session(self, group: Group) -> None:
        """Say which session the link got."""
        source = self.attach[5]
        fields = (source.value + [None] * 11)[:11]
        fields[7] = {SESSION_FILTER: group.session_id}
        until = {Symbol(VENDOR + "locked-until-utc"): group.until * 10_000 + TICKS_EPOCH}
        self.accept(Described(source.descriptor, fields), until)

    def refuse(self, refusal: RefusedError) -> None:
        """Refuse the link AMQP's way: attach it to nothing, then detach it with the error."""
        if self.open:
            source, target = (None, self.attach[6]) if self.receives else (self.attach[5], None)
            head = [self.name, UInt(self.handle), not self.receives, *self.attach[3:5], source, target]
            self.session.send(ATTACH, [*head, None, None, None if not self.receives else UInt(0)])
            self.close(refusal)

    def close(self, refusal: RefusedError) -> None:
        """End the link from our side."""
        if self.open:
            detail = error(refusal.condition, refusal.description)
            self.session.send(DETACH, [UInt(self.handle), True, detail])
            self.gone()

    def gone(self) -> None:
        """Forget the link: a queue's messages stay locked until their locks end, a session is released."""
        self.open = False
        queue = self.queue
        if queue and self in queue.links:
            queue.links.remove(self)
        if queue and self.group:
            release_session(queue, self.group, counts=False)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back in real time, if the link is open then."""
        loop = asyncio.get_running_loop()
        self.session.connection.timers.append(
            loop.call_later(seconds, lambda: callback() if self.open else None)
        )
