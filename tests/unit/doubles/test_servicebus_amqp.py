"""The double's AMQP types, and its sense of time."""

from __future__ import annotations

import uuid
from functools import partial

import pytest

from tests.doubles.servicebus.amqp_decode import decode, skip
from tests.doubles.servicebus.amqp_encode import encode
from tests.doubles.servicebus.amqp_types import (
    AmqpValue,
    Array,
    Described,
    Float,
    Int,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
)
from tests.doubles.servicebus.timeline import Timeline
from tests.fakes.clock import FakeClock

VALUES: list[AmqpValue] = [
    None,
    True,
    False,
    UByte(255),
    UShort(65535),
    UInt(0),
    UInt(1 << 31),
    ULong(7),
    ULong(1 << 63),
    Int(-5),
    -(1 << 62),
    0.25,
    Float(0.5),
    Timestamp(1),
    uuid.UUID(int=1),
    "€" * 300,
    "",
    Symbol("s"),
    b"x" * 70_000,
    [],
    ["a", [UInt(1), None]],
    {"k": list(range(300))},
    Array([Symbol("a"), Symbol("b")]),
    Described(ULong(0x24), ["x"]),
]


@pytest.mark.parametrize(
    "value", VALUES, ids=[f"{type(value).__name__}-{n}" for n, value in enumerate(VALUES)]
)
def test_a_value_comes_back_in_its_own_type(value: AmqpValue) -> None:
    """What is encoded is decoded as it was, and skipping it leads to where decoding it does."""
    data = encode(value)

    decoded, end = decode(data)

    assert (decoded, type(decoded)) == (value, type(value))
    assert end == skip(data, 0) == len(data)


async def test_what_is_due_happens_in_order_of_time() -> None:
    """Catching up does what is due, earliest first, leaves the rest, and skips what was cancelled."""
    clock = FakeClock()
    timeline = Timeline(clock)
    happened: list[str] = []
    for seconds, name in ((20, "second"), (10, "first"), (15, "cancelled"), (30, "not yet")):
        timer = timeline.call_at(timeline.now() + seconds * 1000, partial(happened.append, name))
        if name == "cancelled":
            timer.cancel()

    clock.advance(20)
    timeline.catch_up()
    timeline.stop()

    assert happened == ["first", "second"]
