"""The operations of a queue's management node, and of the node that takes tokens."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from tests.doubles.servicebus.amqp_decode import decode
from tests.doubles.servicebus.amqp_encode import described
from tests.doubles.servicebus.amqp_types import AmqpValue, Array, Int, Symbol, Timestamp
from tests.doubles.servicebus.conditions import SESSION_LOCK_LOST, RefusedError
from tests.doubles.servicebus.queues import BrokerQueue
from tests.doubles.servicebus.session_locks import held_link, renew_session

_STATUS = {"message-lock-lost": 410, "session-lock-lost": 410, "server-busy": 503}


class Request:
    """A request message: who wants an answer, what to do, and the arguments."""

    def __init__(self, raw: bytes) -> None:
        sections, at = {}, 0
        while at < len(raw):
            section, at = decode(raw, at)
            sections[int(section.descriptor)] = section.value
        self.message_id: AmqpValue = sections.get(0x73, [None])[0]
        self.properties: dict[AmqpValue, AmqpValue] = sections.get(0x74, {})
        self.body: AmqpValue = sections.get(0x77)

    def answer(self, properties: dict[str, AmqpValue], body: AmqpValue = None) -> bytes:
        """Return the message that answers this one."""
        address = described(0x73, [None, None, None, None, None, self.message_id])
        return address + described(0x74, properties) + described(0x77, body)


class _Arguments(dict[str, AmqpValue]):
    """A request's arguments, and the name of the link on whose behalf it comes."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.body or {})
        self.link_name: AmqpValue = request.properties.get("associated-link-name")


def answer_token(request: Request, *, accepted: bool) -> bytes:
    """Answer who presents a token."""
    status, words = (202, "Accepted") if accepted else (401, "InvalidSignature")
    return request.answer({"status-code": Int(status), "status-description": words})


def answer_management(request: Request, queue: BrokerQueue) -> bytes:
    """Carry out a request, and answer it."""
    operation = str(request.properties["operation"]).rsplit(":", 1)[-1]
    body = _OPERATIONS[operation](queue, _Arguments(request))
    status, words = (204, "No Content") if body is None else (200, "OK")
    return request.answer({"statusCode": Int(status), "statusDescription": words}, body)


def answer_refusal(request: Request, refusal: RefusedError) -> bytes:
    """Answer a request that is not carried out."""
    status = _STATUS.get(refusal.condition.rsplit(":", 1)[-1], 400)
    words = {"statusDescription": refusal.description, "errorCondition": Symbol(refusal.condition)}
    return request.answer({"statusCode": Int(status), **words})


def _renew_locks(queue: BrokerQueue, body: _Arguments) -> AmqpValue:
    tokens: list[UUID] = body["lock-tokens"]
    return {"expirations": Array(Timestamp(queue.renew(token)) for token in tokens)}


def _renew_session(queue: BrokerQueue, body: _Arguments) -> AmqpValue:
    group = queue.group(body["session-id"])
    if held_link(group).name != body.link_name:
        raise RefusedError(SESSION_LOCK_LOST, "The session is another receiver's.")
    renew_session(queue, group)
    queue.count("renewed")
    return {"expiration": Timestamp(group.until)}


def _settle(queue: BrokerQueue, body: _Arguments) -> AmqpValue:
    for token in body["lock-tokens"]:
        message, status = queue.take(token), body["disposition-status"]
        if status == "completed":
            queue.complete(message)
        elif status == "abandoned":
            queue.unlock(message, counts=True)
        else:
            queue.dead_letter(message, body.get("deadletter-reason"), body.get("deadletter-description"))
    return {}


def _peek(queue: BrokerQueue, body: _Arguments) -> AmqpValue:
    found = [
        message
        for number, message in sorted(queue.messages.items())
        if number >= body["from-sequence-number"]
    ]
    messages = [{"message": message.encode()} for message in found[: body["message-count"]]]
    return {"messages": messages} if messages else None


_OPERATIONS: dict[str, Callable[[BrokerQueue, _Arguments], AmqpValue]] = {
    "renew-lock": _renew_locks,
    "renew-session-lock": _renew_session,
    "update-disposition": _settle,
    "peek-message": _peek,
}
