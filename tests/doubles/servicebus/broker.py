"""The server: nodes, and what clients do with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Self

from shared.domain.queues import Queue
from shared.ports.clock import Clock
from tests.doubles.observed import saw
from tests.doubles.servicebus.amqp_types import AmqpValue, UInt
from tests.doubles.servicebus.conditions import (
    ACCEPTED,
    MODIFIED,
    NOT_FOUND,
    REJECTED,
    RefusedError,
    error,
    outcome,
)
from tests.doubles.servicebus.connection import Connection, Session
from tests.doubles.servicebus.faults import Counters, Faults, Operation
from tests.doubles.servicebus.links import ATTACH, DETACH, FLOW, TRANSFER, Link
from tests.doubles.servicebus.management import Request, answer_management, answer_refusal, answer_token
from tests.doubles.servicebus.messages import Message, split_batch
from tests.doubles.servicebus.queues import BrokerQueue
from tests.doubles.servicebus.timeline import Timeline

DISPOSITION = 0x15
_TOKENS, _MANAGEMENT, _DEAD_LETTERS = "$cbs", "/$management", "/$deadletterqueue"
_BATCH = 0x80013700
"""The format of a message that holds messages."""


class Broker:
    """Queues behind a port of this machine. Locks, schedules and lives go by `clock`."""

    def __init__(self, queues: Iterable[Queue], clock: Clock) -> None:
        self.timeline = Timeline(clock)
        self.faults, self.counters = Faults(), Counters()
        self.connections: set[Connection] = set()
        self.accepts_tokens = True
        self.queues = {
            queue.name.lower(): BrokerQueue(queue, self.timeline, self.counters.of(queue.name))
            for queue in queues
        }
        self._server: asyncio.Server | None = None
        self._frames: dict[int, Callable[[Session, list[AmqpValue], bytes], None]] = {
            ATTACH: self._attach,
            FLOW: self._flow,
            TRANSFER: self._transfer,
            DISPOSITION: self._dispositions,
            DETACH: self._detach,
        }

    async def start(self, port: int = 0) -> Self:
        """Listen on `port`, or on one that is free."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", port)
        return self

    async def stop(self) -> None:
        self.timeline.stop()
        if self._server:
            self._server.close()
        self.drop_connections()
        await asyncio.sleep(0)

    @property
    def connection_string(self) -> str:
        """What the SDK connects with; `true` in lower case, or it insists on TLS."""
        assert self._server
        port = self._server.sockets[0].getsockname()[1]
        keys = "SharedAccessKeyName=anybody;SharedAccessKey=anything"
        return f"Endpoint=sb://127.0.0.1:{port};{keys};UseDevelopmentEmulator=true"

    def drop_connections(self) -> None:
        for connection in list(self.connections):
            connection.abort()

    def detach_receivers(self, queue: str, refusal: RefusedError) -> None:
        """Take all receivers of a queue off it, as Service Bus does when it moves a queue."""
        for link in list(self.queues[queue].links):
            link.close(refusal)

    def handle(self, code: int, session: Session, fields: list[AmqpValue], payload: bytes) -> None:
        """Do what a frame asks for."""
        self._frames[code](session, fields, payload)

    def _find(self, node: str) -> BrokerQueue:
        name = node.removesuffix(_MANAGEMENT)
        queue = self.queues.get(name.removesuffix(_DEAD_LETTERS))
        if queue is None:
            raise RefusedError(NOT_FOUND, f"The messaging entity {name!r} could not be found.")
        return queue.dead_letters if name.endswith(_DEAD_LETTERS) else queue

    def _guarded(
        self,
        operation: Operation,
        link: Link,
        act: Callable[[], None],
        answer: Callable[[RefusedError | None], None],
    ) -> None:
        """Act and answer, unless a fault comes between."""
        fault = self.faults.take(operation, link.node.removesuffix(_MANAGEMENT))
        connection = link.session.connection
        if fault and fault.drop == "before":
            connection.abort()
            return
        refusal = fault.refusal if fault else None
        try:
            if refusal is None:
                act()
        except RefusedError as refused:
            refusal = refused
        if fault and fault.drop == "after":
            connection.abort()
        elif fault and fault.delay_seconds:
            due = self.timeline.now() + round(fault.delay_seconds * 1000)
            self.timeline.call_at(due, partial(answer, refusal))
        else:
            answer(refusal)

    def _attach(self, session: Session, fields: list[AmqpValue], _payload: bytes) -> None:
        terminus = fields[5] if fields[2] else fields[6]
        link = Link(session, fields, _node(terminus.value[0]))
        session.links[link.handle] = link
        self.counters.of(link.node)("attached")

        def answer(refusal: RefusedError | None) -> None:
            try:
                if refusal:
                    raise refusal
                self._accept(link)
            except RefusedError as refused:
                link.refuse(refused)

        self._guarded("attach", link, lambda: None, answer)

    def _accept(self, link: Link) -> None:
        queue = None if link.node == _TOKENS else self._find(link.node)
        if link.receives and queue and not link.node.endswith(_MANAGEMENT):
            link.accept_queue(queue)
            return
        link.accept()
        if not link.receives:
            link.credit = 1000
            link.flow()

    def _detach(self, session: Session, fields: list[AmqpValue], _payload: bytes) -> None:
        link = session.links.pop(fields[0], None)
        if link and link.open:
            link.gone()
            session.send(DETACH, [UInt(link.handle), fields[1], None])

    def _flow(self, session: Session, fields: list[AmqpValue], _payload: bytes) -> None:
        if fields[0] is not None:
            session.remote_window = fields[0] + fields[1] - session.next_out
        link = session.links.get(fields[4])
        if link and link.receives and link.open and fields[6] is not None:
            link.grant_credit(fields[6], beyond=fields[5] or 0, drain=bool(fields[8]))
        elif fields[4] is None:
            for queue in {link.queue for link in session.links.values() if link.queue}:
                queue.pump()
        if fields[9] and link and not fields[8]:
            link.flow()

    def _transfer(self, session: Session, fields: list[AmqpValue], payload: bytes) -> None:
        session.next_in += 1
        link = session.links.get(fields[0])
        if not link or not link.open:
            return
        link.parts.append((fields, payload))
        if fields[5]:
            return  # more of it is to come
        head, raw = link.parts[0][0], b"".join(part for _, part in link.parts)
        link.parts.clear()
        link.count, link.credit = link.count + 1, link.credit - 1
        self._take_message(link, head, raw)
        if link.credit < 500:
            link.credit = 1000
            link.flow()

    def _take_message(self, link: Link, head: list[AmqpValue], raw: bytes) -> None:
        def settle(refusal: RefusedError | None) -> None:
            state = (
                outcome(REJECTED, error(refusal.condition, refusal.description))
                if refusal
                else outcome(ACCEPTED)
            )
            if not head[4]:
                link.session.send(DISPOSITION, [True, UInt(head[1]), UInt(head[1]), True, state])

        def store() -> None:
            for one in split_batch(raw) if head[3] == _BATCH else [raw]:
                saw("Service Bus", one)
                self._find(link.node).put(Message(one))

        if link.node == _TOKENS or link.node.endswith(_MANAGEMENT):
            settle(None)
            self._request(link, Request(raw))
        else:
            self._guarded("send", link, store, settle)

    def _request(self, link: Link, request: Request) -> None:
        # The answer goes out on the link that the client receives from the same node with.
        others = link.session.links.values()
        back = next(
            (other for other in others if other.receives and other.open and other.node == link.node), None
        )
        if back is None:
            return
        if link.node == _TOKENS:
            back.reply(answer_token(request, accepted=self.accepts_tokens))
            return
        answers: list[bytes] = []

        def answer(refusal: RefusedError | None) -> None:
            back.reply(answer_refusal(request, refusal) if refusal else answers[0])

        queue = self._find(link.node)
        self._guarded("manage", link, lambda: answers.append(answer_management(request, queue)), answer)

    def _dispositions(self, session: Session, fields: list[AmqpValue], _payload: bytes) -> None:
        if not fields[0]:
            return  # the client settles what we sent to it as a sender: nothing to do
        last = fields[1] if fields[2] is None else fields[2]
        for number in range(fields[1], last + 1):
            self._disposition(session, number, settled=bool(fields[3]), state=fields[4])

    def _disposition(self, session: Session, number: int, *, settled: bool, state: AmqpValue) -> None:
        if number not in session.unsettled:
            return
        link, token = session.unsettled.pop(number)

        def act() -> None:
            assert link.queue
            _settle(link.queue, link.queue.take(token), state)

        def answer(refusal: RefusedError | None) -> None:
            # A rejection is echoed bare: with its error it would read as a failure.
            echo = outcome(REJECTED) if state and state.descriptor == REJECTED else state
            reply = outcome(REJECTED, error(refusal.condition, refusal.description)) if refusal else echo
            if not settled:
                session.send(DISPOSITION, [False, UInt(number), UInt(number), True, reply])

        self._guarded("settle", link, act, answer)


def _settle(queue: BrokerQueue, message: Message, state: AmqpValue) -> None:
    fields = [*(state.value if state else []), None, None, None]
    code = int(state.descriptor) if state else None
    if code == ACCEPTED:
        queue.complete(message)
    elif code == REJECTED:
        info = ((fields[0].value + [None] * 3)[2] if fields[0] else None) or {}
        queue.dead_letter(message, info.get("DeadLetterReason"), info.get("DeadLetterErrorDescription"))
    else:
        queue.unlock(message, counts=code == MODIFIED and bool(fields[0]))
        queue.count("abandoned" if code == MODIFIED else "released")


def _node(address: str) -> str:
    """Return the lower-case path of `amqps://host:port/Queue`, `Queue/$management` or `$cbs`."""
    path = address.split("://", 1)[1].partition("/")[2] if "://" in address else address
    return path.strip("/").lower()
