"""From values to bytes: AMQP 1.0, part 1."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterable

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


def encode(value: AmqpValue) -> bytes:
    """Return a value with its constructor."""
    return _ENCODERS[type(value)](value)


def described(code: int, value: AmqpValue) -> bytes:
    """Return a described value whose descriptor is a small ulong, the only form that the SDK understands."""
    return b"\x00\x53" + bytes((code,)) + encode(value)


def _packed(code: int, layout: str) -> Callable[[AmqpValue], bytes]:
    packed = struct.Struct(">B" + layout)
    return lambda value: packed.pack(code, value)


def _small_or(small: int, code: int, layout: str) -> Callable[[AmqpValue], bytes]:
    large = _packed(code, layout)
    return lambda value: bytes((small, value)) if value < 256 else large(value)


def _binary(small: int, large: int) -> Callable[[bytes], bytes]:
    def encoder(data: bytes) -> bytes:
        size = len(data)
        return (bytes((small, size)) if size < 256 else struct.pack(">BI", large, size)) + bytes(data)

    return encoder


def _text(small: int, large: int) -> Callable[[str], bytes]:
    binary = _binary(small, large)
    return lambda value: binary(value.encode())


def _compound(small: int, large: int, count: int, parts: Iterable[bytes]) -> bytes:
    data = b"".join(parts)
    if len(data) < 255 and count < 256:
        return bytes((small, len(data) + 1, count)) + data
    return struct.pack(">BII", large, len(data) + 4, count) + data


def _list(values: list[AmqpValue]) -> bytes:
    return _compound(0xC0, 0xD0, len(values), map(encode, values)) if values else b"\x45"


def _map(values: dict[AmqpValue, AmqpValue]) -> bytes:
    return _compound(0xC1, 0xD1, 2 * len(values), (encode(k) + encode(v) for k, v in values.items()))


def _array(values: Array) -> bytes:
    # Only of what the double answers with: symbols and timestamps. The constructor stands once, in front.
    encoders: dict[type, Callable[[AmqpValue], bytes]] = {
        Symbol: lambda value: struct.pack(">I", len(value)) + value.encode(),
        Timestamp: lambda value: struct.pack(">q", value),
    }
    codes = {Symbol: 0xB3, Timestamp: 0x83}
    kind = type(values[0])
    data = bytes((codes[kind],)) + b"".join(map(encoders[kind], values))
    return struct.pack(">BII", 0xF0, len(data) + 4, len(values)) + data


def _described_value(value: Described) -> bytes:
    return b"\x00" + encode(value.descriptor) + encode(value.value)


_ENCODERS: dict[type, Callable[[AmqpValue], bytes]] = {
    type(None): lambda _value: b"\x40",
    bool: lambda value: b"\x41" if value else b"\x42",
    UByte: _packed(0x50, "B"),
    UShort: _packed(0x60, "H"),
    UInt: _small_or(0x52, 0x70, "I"),
    ULong: _small_or(0x53, 0x80, "Q"),
    Byte: _packed(0x51, "b"),
    Short: _packed(0x61, "h"),
    Int: _packed(0x71, "i"),
    int: _packed(0x81, "q"),
    Timestamp: _packed(0x83, "q"),
    Float: _packed(0x72, "f"),
    float: _packed(0x82, "d"),
    str: _text(0xA1, 0xB1),
    Symbol: _text(0xA3, 0xB3),
    bytes: _binary(0xA0, 0xB0),
    uuid.UUID: lambda value: b"\x98" + value.bytes,
    Verbatim: bytes,
    list: _list,
    dict: _map,
    Array: _array,
    Described: _described_value,
}
