"""AMQP 1.0's types, where Python has none of its own: a decoded value re-encodes to the same type.

A plain int is a long, a plain float a double, bytes a binary, a list a list and a dict a map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

AmqpValue: TypeAlias = Any
"""What a decoder finds: the sender decides."""


class Symbol(str):
    __slots__ = ()


class UByte(int):
    pass


class UShort(int):
    pass


class UInt(int):
    pass


class ULong(int):
    pass


class Byte(int):
    pass


class Short(int):
    pass


class Int(int):
    pass


class Timestamp(int):
    """Milliseconds since 1970."""


class Float(float):
    """Four bytes."""


class Verbatim(bytes):
    """A value kept as it was encoded, constructor included: decimals and chars."""


class Array(list[AmqpValue]):
    """Values of one type."""


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a descriptor that says what it stands for."""

    descriptor: AmqpValue
    value: AmqpValue
