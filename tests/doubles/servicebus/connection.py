"""A client's connection: frames in, frames out."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, cast
from uuid import UUID

from tests.doubles.servicebus.amqp_decode import decode
from tests.doubles.servicebus.amqp_encode import described
from tests.doubles.servicebus.amqp_types import AmqpValue, Array, Symbol, UByte, UInt, UShort
from tests.doubles.servicebus.links import Link

if TYPE_CHECKING:
    from tests.doubles.servicebus.broker import Broker

_SASL, _AMQP = 1, 0
_SASL_FRAMES = 3
_LARGEST = 0xFFFFFFFF


class Session:
    """One of a connection's channels, with its links and what is not settled on them."""

    def __init__(self, connection: Connection, channel: int, begin: list[AmqpValue]) -> None:
        self.connection, self.channel = connection, channel
        self.links: dict[int, Link] = {}
        self.unsettled: dict[int, tuple[Link, UUID]] = {}
        self.next_in, self.remote_window = begin[1], begin[2]
        self.next_out, self._delivery = 0, -1

    def next_delivery(self) -> int:
        self._delivery = (self._delivery + 1) & _LARGEST
        return self._delivery

    def send(self, code: int, fields: list[AmqpValue], payload: bytes = b"") -> None:
        self.connection.send_frame(_AMQP, self.channel, described(code, fields) + payload)

    def end(self) -> None:
        for link in self.links.values():
            link.gone()


class Connection(asyncio.Protocol):
    """Reads frames and hands those about links to the broker."""

    def __init__(self, broker: Broker) -> None:
        self.remote_max_frame = _LARGEST
        self.timers: list[asyncio.TimerHandle] = []
        self._broker = broker
        self._sessions: dict[int, Session] = {}
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._broker.faults.refuse_connections:
            self._transport.abort()
        else:
            self._broker.connections.add(self)
            self._broker.counters.of("")("connections")

    def connection_lost(self, exc: Exception | None) -> None:
        self._broker.connections.discard(self)
        for session in self._sessions.values():
            session.end()
        for timer in self.timers:
            timer.cancel()

    def abort(self) -> None:
        """Drop the connection without a word; what is not on the wire yet is lost."""
        self._out.clear()
        self._buffer.clear()
        if self._transport:
            self._transport.abort()

    def send_frame(self, kind: int, channel: int, body: bytes) -> None:
        self._write(struct.pack(">IBBH", 8 + len(body), 2, kind, channel) + body)

    def _write(self, data: bytes) -> None:
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        data = b"".join(self._out)
        self._out.clear()
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 8 and self._take_one():
            pass

    def _take_one(self) -> bool:
        """Handle what stands first in the buffer, if it is whole."""
        is_greeting = self._buffer[:4] == b"AMQP"
        size = 8 if is_greeting else int.from_bytes(self._buffer[:4], "big")
        if len(self._buffer) < size:
            return False
        frame = bytes(self._buffer[:size])
        del self._buffer[:size]
        if is_greeting:
            self._greet(frame)
        else:
            self._handle(frame)
        return True

    def _greet(self, greeting: bytes) -> None:
        self._write(greeting)
        if greeting[4] == _SASL_FRAMES:
            mechanisms = Array(map(Symbol, ("MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL")))
            self.send_frame(_SASL, 0, described(0x40, [mechanisms]))

    def _handle(self, frame: bytes) -> None:
        start = frame[4] * 4
        if start >= len(frame):
            return  # an empty frame keeps the connection alive
        performative, start = decode(frame, start)
        if frame[5] == _SASL:
            self.send_frame(_SASL, 0, described(0x44, [UByte(0), None]))
            return
        channel = int.from_bytes(frame[6:8], "big")
        fields = performative.value + [None] * 14
        self._perform(int(performative.descriptor), channel, fields, frame[start:])

    def _perform(self, code: int, channel: int, fields: list[AmqpValue], payload: bytes) -> None:
        if code == 0x10:
            self.remote_max_frame = fields[2] or _LARGEST
            self.send_frame(_AMQP, 0, described(0x10, ["double", None, UInt(65536), UShort(4999), None]))
        elif code == 0x11:
            self._sessions[channel] = Session(self, channel, fields)
            window = [UShort(channel), UInt(0), UInt(5000), UInt(65536), UInt(255)]
            self.send_frame(_AMQP, channel, described(0x11, window))
        elif code == 0x17:
            self._sessions.pop(channel).end()
            self.send_frame(_AMQP, channel, described(0x17, [None]))
        elif code == 0x18:
            self.send_frame(_AMQP, 0, described(0x18, [None]))
            self._flush()
            if self._transport:
                self._transport.close()
        elif channel in self._sessions:
            self._broker.handle(code, self._sessions[channel], fields, payload)
