"""The double with the product's two halves connected to it, on a clock that stands still."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.backends.azure.service_bus_namespace import ServiceBusNamespace
from shared.backends.azure.service_bus_queue import (
    RETRIES,
    TIMEOUT_SECONDS,
    ServiceBusSender,
    ServiceBusSource,
)
from shared.backends.azure.service_bus_receiver import Waits
from shared.domain.queues import QUEUES, Queue
from tests.doubles.servicebus.broker import Broker
from tests.fakes.clock import FakeClock

AHEAD = datetime(2100, 1, 1, tzinfo=UTC)
"""Ahead of the machine's clock: the SDK compares the ends of locks with that, and would think them lost."""

QUICK_WAITS = Waits(shortest_seconds=0.2, slice_seconds=0.05, read_seconds=0.02)
"""The double is on this machine: what has not come after some milliseconds is not there."""


@dataclass(frozen=True, slots=True)
class Bench:
    broker: Broker
    clock: FakeClock
    sender: ServiceBusSender
    source: ServiceBusSource

    async def pass_time(self, seconds: float) -> None:
        """Move the double's clock, and let it do what is due."""
        self.clock.advance(seconds)
        self.broker.timeline.catch_up()


@asynccontextmanager
async def service_bus_bench(
    clock: FakeClock,
    *,
    queues: Iterable[Queue] = QUEUES.values(),
    retries: int = RETRIES,
    timeout_seconds: float = TIMEOUT_SECONDS,
    waits: Waits = QUICK_WAITS,
) -> AsyncIterator[Bench]:
    broker = await Broker(queues, clock).start()
    namespace = ServiceBusNamespace.from_connection_string(broker.connection_string)
    sender = ServiceBusSender(namespace, retries=retries, timeout_seconds=timeout_seconds)
    source = ServiceBusSource(namespace, timeout_seconds=timeout_seconds, waits=waits)
    try:
        yield Bench(broker, clock, sender, source)
    finally:
        await asyncio.gather(sender.close(), source.close())
        await broker.stop()
        # The SDK leaves the sockets of broken connections to the garbage collector: let it be this test's.
        gc.collect()
