"""What a caller hears when Service Bus, or the way to it, fails."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any, Self

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.servicebus import exceptions as sdk
from azure.servicebus.aio import ServiceBusClient

from shared.backends.azure.service_bus_errors import (
    BUSY_PAUSE_SECONDS,
    MEANINGS,
    service_bus_call,
    translate,
)
from shared.backends.azure.service_bus_namespace import ServiceBusNamespace
from shared.backends.azure.service_bus_queue import ServiceBusSender
from shared.domain.errors import (
    ConfigurationError,
    IntegrationError,
    LeaseLostError,
    ThrottledError,
    UnavailableError,
)
from shared.domain.queues import QUEUES, SYNC_INBOUND_SCHEDULED, SYNC_INBOUND_WEBHOOK, SYNC_OUTBOUND
from shared.ports.queue import MAX_MESSAGE_BYTES, OutgoingMessage
from tests.contract.queue_steps import ids, next_session, outgoing, receive_one
from tests.doubles.servicebus import conditions, fast_sdk
from tests.doubles.servicebus.bench import AHEAD, Bench, service_bus_bench
from tests.fakes.clock import FakeClock

QUEUE = SYNC_INBOUND_SCHEDULED

SDK_ERRORS = [kind for _, kind in inspect.getmembers(sdk, inspect.isclass) if kind.__module__ == sdk.__name__]


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    fast_sdk.install(monkeypatch)
    async with service_bus_bench(FakeClock(AHEAD), retries=0, timeout_seconds=2) as bench:
        yield bench


@pytest.mark.parametrize(
    "kind", [*SDK_ERRORS, ClientAuthenticationError, TimeoutError, ConnectionRefusedError]
)
def test_every_error_has_a_meaning(kind: type[Exception]) -> None:
    """Each of the SDK's errors becomes one of ours, by an entry of its own where the SDK names it."""
    error = kind("words") if kind not in SDK_ERRORS or kind in _WITH_WORDS else kind()

    assert isinstance(translate(error), IntegrationError)
    assert kind in MEANINGS or kind not in SDK_ERRORS


_WITH_WORDS = {sdk.ServiceBusError, sdk.AutoLockRenewFailed, sdk.AutoLockRenewTimeout}


def test_a_mistake_of_ours_stays_what_it_is() -> None:
    """An error that Service Bus has no part in is not translated."""
    mistake = KeyError("ours")

    assert translate(mistake) is mistake


@pytest.mark.parametrize(
    ("condition", "meaning"),
    [
        (conditions.SERVER_BUSY, ThrottledError),
        (conditions.QUOTA_EXCEEDED, UnavailableError),
        (conditions.ENTITY_DISABLED, UnavailableError),
        (conditions.UNAUTHORIZED, ConfigurationError),
        (conditions.NOT_FOUND, ConfigurationError),
    ],
)
async def test_a_refused_send_is_told_by_its_condition(
    condition: str, meaning: type[Exception], bench: Bench
) -> None:
    """A refusal on the wire becomes the caller's next move, nothing is stored, and the next send works."""
    bench.broker.faults.refuse_next("send", QUEUE, condition)

    with pytest.raises(meaning):
        await bench.sender.send(QUEUE, [outgoing("one")])

    assert bench.broker.counters["sent", QUEUE] == 0
    await bench.sender.send(QUEUE, [outgoing("one")])
    assert bench.broker.counters["sent", QUEUE] == 1


async def test_a_busy_namespace_says_how_long_to_wait(bench: Bench) -> None:
    """Throttling comes with Service Bus's own pause."""
    bench.broker.faults.refuse_next("send", QUEUE, conditions.SERVER_BUSY)

    with pytest.raises(ThrottledError) as busy:
        await bench.sender.send(QUEUE, [outgoing("one")])

    assert busy.value.retry_after_seconds == BUSY_PAUSE_SECONDS


async def test_refused_connections_are_an_outage(bench: Bench) -> None:
    """Neither half works without a connection, and both do when there is one again."""
    bench.broker.faults.refuse_connections = True

    with pytest.raises(UnavailableError):
        await bench.sender.send(QUEUE, [outgoing("one")])
    with pytest.raises(UnavailableError):
        await bench.source.open(QUEUE)

    bench.broker.faults.refuse_connections = False
    await bench.sender.send(QUEUE, [outgoing("one")])
    assert (await receive_one(await bench.source.open(QUEUE))).message_id == "one"


async def test_a_send_that_is_not_answered_times_out(bench: Bench) -> None:
    """A send takes no longer than its time-out; the one after it goes over another link."""
    bench.broker.faults.delay_next("send", QUEUE, seconds=3600)

    with pytest.raises(UnavailableError):
        await bench.sender.send(QUEUE, [outgoing("one")])

    await bench.sender.send(QUEUE, [outgoing("two")])
    assert bench.broker.counters["sent", QUEUE] == 2


async def test_a_dropped_connection_is_opened_again(bench: Bench) -> None:
    """After its connection broke, a sender and a receiver fail once at most and then go on."""
    receiver = await bench.source.open(QUEUE)
    await bench.sender.send(QUEUE, [outgoing("one")])
    bench.broker.faults.drop_next("send", QUEUE, "before")
    with pytest.raises(UnavailableError):
        await bench.sender.send(QUEUE, [outgoing("two")])
    bench.broker.drop_connections()
    with pytest.raises(UnavailableError):
        await receiver.receive(1, wait_seconds=1)

    await bench.sender.send(QUEUE, [outgoing("two")])

    assert ids(await receiver.receive(5, wait_seconds=1)) == ["one", "two"]


async def test_a_session_whose_connection_broke_stays_lost(bench: Bench) -> None:
    """A session's receiver does not take the session anew behind somebody's back; the next one has it."""
    await bench.sender.send(SYNC_OUTBOUND, [outgoing("a1", "a")])
    receiver = await next_session(bench.source, SYNC_OUTBOUND)
    message = await receive_one(receiver)
    bench.broker.drop_connections()
    with pytest.raises((LeaseLostError, UnavailableError)):
        await receiver.complete(message)

    with pytest.raises(LeaseLostError):
        await receiver.receive(1, wait_seconds=0)
    with pytest.raises(LeaseLostError):
        await receiver.renew(message)
    await receiver.close()

    again = await receive_one(await next_session(bench.source, SYNC_OUTBOUND))
    assert again.message_id == "a1"


async def test_a_queue_that_is_not_deployed_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """A declared queue that the namespace does not have is told as such, to both halves."""
    fast_sdk.install(monkeypatch)
    async with service_bus_bench(FakeClock(AHEAD), queues=[QUEUES[QUEUE]], retries=0) as bench:
        with pytest.raises(ConfigurationError):
            await bench.sender.send(SYNC_INBOUND_WEBHOOK, [outgoing("one")])
        with pytest.raises(ConfigurationError):
            await bench.source.open(SYNC_INBOUND_WEBHOOK)


async def test_a_refused_identity_is_a_mistake(bench: Bench) -> None:
    """A key or a token that the namespace does not accept is told as such."""
    bench.broker.accepts_tokens = False

    with pytest.raises(ConfigurationError):
        await bench.sender.send(QUEUE, [outgoing("one")])


async def test_more_than_a_batch_goes_out_in_several(bench: Bench) -> None:
    """Messages that don't fit in one batch are sent in as many as they need, in order."""
    body = b"x" * (MAX_MESSAGE_BYTES * 2 // 5)
    await bench.sender.send(QUEUE, [OutgoingMessage(body, str(number)) for number in range(5)])
    receiver = await bench.source.open(QUEUE)

    received = [await receive_one(receiver) for _ in range(5)]

    assert ids(received) == ["0", "1", "2", "3", "4"]


async def test_nothing_is_sent_after_closing(bench: Bench) -> None:
    """A closed sender refuses, and may be closed again."""
    await bench.sender.close()
    await bench.sender.close()

    with pytest.raises(UnavailableError):
        await bench.sender.send(QUEUE, [outgoing("one")])


def test_a_connection_string_is_not_repeated() -> None:
    """One that can't be read is refused without a word of it; one that can stays out of what is printed."""
    with pytest.raises(ConfigurationError) as refused:
        ServiceBusNamespace.from_connection_string("Endpoint=sb://x;SharedAccessKey")
    key = "Endpoint=sb://x.servicebus.windows.net;SharedAccessKeyName=n;SharedAccessKey=hidden="

    namespace = ServiceBusNamespace.from_connection_string(key)

    assert "SharedAccessKey" not in str(refused.value)
    assert namespace.host == "x.servicebus.windows.net"
    assert "hidden" not in repr(namespace)


async def test_an_identity_needs_no_key(bench: Bench) -> None:
    """With an identity, its tokens are what opens the namespace; without a token nothing is sent."""
    identity = _Identity()
    host = bench.broker.connection_string.partition("//")[2].partition(";")[0]
    # The double has no TLS, which the SDK insists on unless it is told otherwise.
    namespace = ServiceBusNamespace(host, partial(ServiceBusClient, host, identity, use_tls=False))
    sender = ServiceBusSender(namespace, retries=0)

    identity.works = False
    with pytest.raises(ConfigurationError):
        await sender.send(QUEUE, [outgoing("one")])
    identity.works = True
    await sender.send(QUEUE, [outgoing("one")])

    await sender.close()
    assert bench.broker.counters["sent", QUEUE] == 1


def test_an_identity_is_for_one_namespace() -> None:
    """A namespace with an identity goes by its host name, and connects to nothing yet."""
    namespace = ServiceBusNamespace.with_identity("x.servicebus.windows.net", _Identity())

    assert namespace.client(retries=0).fully_qualified_namespace == namespace.host


class _Identity:
    works = True

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        if not self.works:
            raise ClientAuthenticationError("no managed identity here")
        return AccessToken("token", int(time.time()) + 3600)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        pass


async def test_a_cancellation_that_the_sdk_loses_is_not_lost() -> None:
    """Or a receiver that is opened as the host stops would receive on, and the host would wait for it."""

    async def call() -> None:
        async with service_bus_call(60):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    calling = asyncio.create_task(call())
    await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
