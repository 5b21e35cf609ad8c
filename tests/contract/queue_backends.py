"""The queues that the contract holds for.

A backend runs on a clock that stands still until the test moves it: `pass_time` does, and returns when the
backend goes by the new time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.backends.azure.service_bus_namespace import ServiceBusNamespace
from shared.backends.azure.service_bus_queue import ServiceBusSender, ServiceBusSource
from shared.backends.azure.service_bus_receiver import Waits
from shared.backends.embedded.sqlite_queue import SqliteQueue
from shared.domain.queues import QUEUES
from shared.ports.queue import MessageSender, MessageSource
from tests.doubles.servicebus import fast_sdk
from tests.doubles.servicebus.broker import Broker
from tests.fakes.clock import FakeClock

QUICK_WAITS = Waits(shortest_seconds=0.05, slice_seconds=0.05, read_seconds=0.02)
"""The double is on this machine: what has not come after some milliseconds is not there."""


@dataclass(frozen=True)
class QueueBackend:
    sender: MessageSender
    source: MessageSource
    pass_time: Callable[[float], Awaitable[None]]


@asynccontextmanager
async def _sqlite(folder: Path, clock: FakeClock) -> AsyncIterator[QueueBackend]:
    async def pass_time(seconds: float) -> None:
        clock.advance(seconds)

    queue = await SqliteQueue.open(folder / "queue.db", clock)
    try:
        yield QueueBackend(queue, queue.source, pass_time)
    finally:
        await queue.close()


@asynccontextmanager
async def _service_bus(_folder: Path, clock: FakeClock) -> AsyncIterator[QueueBackend]:
    broker = await Broker(QUEUES.values(), clock).start()

    async def pass_time(seconds: float) -> None:
        clock.advance(seconds)
        broker.timeline.catch_up()

    namespace = ServiceBusNamespace.from_connection_string(broker.connection_string)
    sender, source = ServiceBusSender(namespace), ServiceBusSource(namespace, waits=QUICK_WAITS)
    try:
        yield QueueBackend(sender, source, pass_time)
    finally:
        await asyncio.gather(sender.close(), source.close())
        await broker.stop()


BACKENDS: Mapping[str, Callable[[Path, FakeClock], AbstractAsyncContextManager[QueueBackend]]] = {
    "service bus": _service_bus,
    "sqlite": _sqlite,
}


@pytest.fixture
def queue_clock() -> FakeClock:
    """The clock of the queue's side; only `pass_time` moves it.

    It is ahead of the machine's: the SDK compares the ends of locks with that, and would think them lost.
    """
    return FakeClock(datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture(params=sorted(BACKENDS))
async def queue_backend(
    request: pytest.FixtureRequest, tmp_path: Path, queue_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[QueueBackend]:
    fast_sdk.install(monkeypatch)
    async with BACKENDS[request.param](tmp_path, queue_clock) as backend:
        yield backend


@pytest.fixture
def sender(queue_backend: QueueBackend) -> MessageSender:
    return queue_backend.sender


@pytest.fixture
def source(queue_backend: QueueBackend) -> MessageSource:
    return queue_backend.source


@pytest.fixture
def pass_time(queue_backend: QueueBackend) -> Callable[[float], Awaitable[None]]:
    return queue_backend.pass_time
