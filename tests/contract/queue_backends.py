"""The queues that the contract holds for.

A backend runs on a clock that stands still until the test moves it: `pass_time` does, and returns when the
backend goes by the new time.

Where Service Bus differs from SQLite, outside what the suite asserts:
- each batch is stored as a whole, several batches are not;
- messages given back by closing a session do not count as delivered;
- lives are whole seconds;
- a wait of zero lasts as long as `Waits.shortest_seconds`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.backends.embedded.sqlite_queue import SqliteQueue
from shared.ports.queue import MessageSender, MessageSource
from tests.doubles.servicebus import fast_sdk
from tests.doubles.servicebus.bench import AHEAD, service_bus_bench
from tests.fakes.clock import FakeClock


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
    async with service_bus_bench(clock) as bench:
        yield QueueBackend(bench.sender, bench.source, bench.pass_time)


BACKENDS: Mapping[str, Callable[[Path, FakeClock], AbstractAsyncContextManager[QueueBackend]]] = {
    "service bus": _service_bus,
    "sqlite": _sqlite,
}


@pytest.fixture
def queue_clock() -> FakeClock:
    """The clock of the queue's side; only `pass_time` moves it."""
    return FakeClock(AHEAD)


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
