"""From bytes to values: AMQP 1.0, part 1. Every decoder takes the offset behind the constructor byte."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from typing import TypeAlias

from tests.doubles.servicebus.amqp_types import (
    AmqpValue,
    Array,
    Byte,
    Described,
    Float,
    Int,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
    Verbatim,
)

Decoder: TypeAlias = Callable[[bytes, int], tuple[AmqpValue, int]]


def decode(data: bytes, at: int = 0) -> tuple[AmqpValue, int]:
    """Return the value at an offset, and the offset behind it."""
    return _DECODERS[data[at]](data, at + 1)


def skip(data: bytes, at: int) -> int:
    """Return the offset behind the value at `at`, without decoding it."""
    if data[at] == 0:
        return skip(data, skip(data, at + 1))
    kind, at = data[at] >> 4, at + 1
    if kind in {0xA, 0xC, 0xE}:
        return at + 1 + data[at]
    if kind in {0xB, 0xD, 0xF}:
        return at + 4 + int.from_bytes(data[at : at + 4], "big")
    return at + (0, 1, 2, 4, 8, 16)[kind - 4]


def _constant(value: AmqpValue) -> Decoder:
    return lambda _data, at: (value, at)


def _fixed(layout: str, kind: Callable[[AmqpValue], AmqpValue]) -> Decoder:
    packed = struct.Struct(">" + layout)
    return lambda data, at: (kind(packed.unpack_from(data, at)[0]), at + packed.size)


def _verbatim(code: int, size: int) -> Decoder:
    return lambda data, at: (Verbatim(bytes([code]) + data[at : at + size]), at + size)


def _variable(width: int, kind: Callable[[bytes], AmqpValue]) -> Decoder:
    def decoder(data: bytes, at: int) -> tuple[AmqpValue, int]:
        start = at + width
        end = start + int.from_bytes(data[at:start], "big")
        return kind(bytes(data[start:end])), end

    return decoder


def _list(width: int) -> Decoder:
    def decoder(data: bytes, at: int) -> tuple[AmqpValue, int]:
        count = int.from_bytes(data[at + width : at + 2 * width], "big")
        at += 2 * width
        values = []
        for _ in range(count):
            value, at = decode(data, at)
            values.append(value)
        return values, at

    return decoder


def _map(width: int) -> Decoder:
    flat = _list(width)

    def decoder(data: bytes, at: int) -> tuple[AmqpValue, int]:
        values, at = flat(data, at)
        return dict(zip(values[::2], values[1::2], strict=True)), at

    return decoder


def _array(width: int) -> Decoder:
    def decoder(data: bytes, at: int) -> tuple[AmqpValue, int]:
        end = at + width + int.from_bytes(data[at : at + width], "big")
        count = int.from_bytes(data[at + width : at + 2 * width], "big")
        element, at = _DECODERS[data[at + 2 * width]], at + 2 * width + 1
        values = Array()
        for _ in range(count):
            value, at = element(data, at)
            values.append(value)
        return values, end

    return decoder


def _described(data: bytes, at: int) -> tuple[AmqpValue, int]:
    descriptor, at = decode(data, at)
    value, at = decode(data, at)
    return Described(descriptor, value), at


def _symbol(data: bytes) -> Symbol:
    return Symbol(data.decode())


_DECODERS: dict[int, Decoder] = {
    0x00: _described,
    0x40: _constant(None),
    0x41: _constant(True),
    0x42: _constant(False),
    0x43: _constant(UInt(0)),
    0x44: _constant(ULong(0)),
    0x45: lambda _data, at: ([], at),
    0x50: _fixed("B", UByte),
    0x51: _fixed("b", Byte),
    0x52: _fixed("B", UInt),
    0x53: _fixed("B", ULong),
    0x54: _fixed("b", Int),
    0x55: _fixed("b", int),
    0x56: _fixed("B", bool),
    0x60: _fixed("H", UShort),
    0x61: _fixed("h", Short),
    0x70: _fixed("I", UInt),
    0x71: _fixed("i", Int),
    0x72: _fixed("f", Float),
    0x73: _verbatim(0x73, 4),
    0x74: _verbatim(0x74, 4),
    0x80: _fixed("Q", ULong),
    0x81: _fixed("q", int),
    0x82: _fixed("d", float),
    0x83: _fixed("q", Timestamp),
    0x84: _verbatim(0x84, 8),
    0x94: _verbatim(0x94, 16),
    0x98: lambda data, at: (uuid.UUID(bytes=bytes(data[at : at + 16])), at + 16),
    0xA0: _variable(1, bytes),
    0xA1: _variable(1, bytes.decode),
    0xA3: _variable(1, _symbol),
    0xB0: _variable(4, bytes),
    0xB1: _variable(4, bytes.decode),
    0xB3: _variable(4, _symbol),
    0xC0: _list(1),
    0xC1: _map(1),
    0xD0: _list(4),
    0xD1: _map(4),
    0xE0: _array(1),
    0xF0: _array(4),
}
