"""What the double does beyond the queue's contract: faults, counters, and running as a program."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
from azure.servicebus.aio import ServiceBusClient

from shared.domain.errors import UnavailableError
from shared.domain.queues import SYNC_INBOUND_SCHEDULED
from tests.contract.queue_steps import outgoing, receive_one
from tests.doubles.servicebus import conditions, fast_sdk
from tests.doubles.servicebus.bench import AHEAD, Bench, service_bus_bench
from tests.fakes.clock import FakeClock

QUEUE = SYNC_INBOUND_SCHEDULED


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    fast_sdk.install(monkeypatch)
    async with service_bus_bench(FakeClock(AHEAD), retries=0, timeout_seconds=2) as bench:
        yield bench


async def test_it_counts_what_happens(bench: Bench) -> None:
    """Sends, duplicates, deliveries and settlements are counted by queue."""
    await bench.sender.send(QUEUE, [outgoing("one"), outgoing("one"), outgoing("two")])
    receiver = await bench.source.open(QUEUE)
    await receiver.complete(await receive_one(receiver))
    await receiver.dead_letter(await receive_one(receiver), "Reason", "")

    counters = bench.broker.counters
    counted = {what: counters[what, QUEUE] for what in ("sent", "duplicates", "completed", "dead_lettered")}
    assert counted == {"sent": 3, "duplicates": 1, "completed": 1, "dead_lettered": 1}


@pytest.mark.parametrize(("when", "stored"), [("before", 0), ("after", 1)])
async def test_it_drops_a_connection_around_a_send(when: str, stored: int, bench: Bench) -> None:
    """A connection dropped before the send stores nothing; dropped after it, the message is there."""
    bench.broker.faults.drop_next("send", QUEUE, "before" if when == "before" else "after")

    with pytest.raises(UnavailableError):
        await bench.sender.send(QUEUE, [outgoing("one")])

    assert bench.broker.counters["sent", QUEUE] == stored


async def test_it_answers_late_by_its_own_clock(bench: Bench) -> None:
    """A slow answer comes when the clock has come to it."""
    bench.broker.faults.delay_next("send", QUEUE, seconds=60)
    sending = asyncio.create_task(bench.sender.send(QUEUE, [outgoing("one")]))
    while not bench.broker.counters["sent", QUEUE]:  # noqa: ASYNC110 - the double has no event for it
        await asyncio.sleep(0)
    assert not sending.done()

    await bench.pass_time(60)

    await sending


async def test_it_takes_receivers_off_a_queue(bench: Bench) -> None:
    """A receiver whose link is taken away opens another."""
    receiver = await bench.source.open(QUEUE)
    detached = conditions.RefusedError(conditions.DETACH_FORCED, "moved")
    bench.broker.detach_receivers(QUEUE, detached)
    with pytest.raises(UnavailableError):
        await receiver.receive(1, wait_seconds=1)
    await bench.sender.send(QUEUE, [outgoing("one")])

    assert (await receive_one(receiver)).message_id == "one"


async def test_it_shows_messages_without_taking_them(bench: Bench) -> None:
    """Peeking leaves a message where it is."""
    await bench.sender.send(QUEUE, [outgoing("one")])
    async with (
        ServiceBusClient.from_connection_string(bench.broker.connection_string) as client,
        client.get_queue_receiver(QUEUE) as receiver,
    ):
        [seen] = await receiver.peek_messages(5)

    assert seen.message_id == "one"
    assert (await receive_one(await bench.source.open(QUEUE))).delivery_count == 1


async def test_it_runs_as_a_program() -> None:
    """Started from the command line it says that it is ready, and with what to connect."""
    command = ("-m", "tests.doubles.servicebus", "--port", "0", "--queues-from-declaration")
    program = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert program.stdout
    try:
        ready, connection = await program.stdout.readline(), (await program.stdout.readline()).decode()
        async with (
            ServiceBusClient.from_connection_string(connection.strip()) as client,
            client.get_queue_sender(QUEUE) as sender,
        ):
            batch = await sender.create_message_batch()
    finally:
        program.terminate()
        await program.communicate()

    assert ready == b"ready\n"
    assert batch.max_size_in_bytes > 0
