"""How fast and how often a described provider is asked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import ThrottledError, UnavailableError
from shared.ports.adapter import Adapter, FetchRequest
from tests.fakes import provider_server as faults
from tests.fakes.clock import FakeClock
from tests.fakes.provider_server import ProviderServer
from tests.unit.adapters.rest.reading import answer, ask, failure, open_adapter, rest_of

QUOTA = {"rateLimitHeaders": {"remaining": "X-Left", "reset": "X-Reset"}}


def described(registry: AdapterRegistry, server: ProviderServer, **rest: Any) -> Adapter:
    return open_adapter(registry, server.url, rest_of({}, **rest))


async def fetch(server: ProviderServer, adapter: Adapter, times: int = 1, **headers: str) -> None:
    for _ in range(times):
        server.faults.append(answer([], **headers))
        await adapter.fetch_page(ask())


async def test_requests_wait_for_room_in_every_window(
    server: ProviderServer, registry: AdapterRegistry, clock: FakeClock
) -> None:
    """Two a second and five a minute: the third waits for the next second, the sixth for the next minute."""
    adapter = described(registry, server, limits={"requestsPerSecond": 2, "requestsPerMinute": 5})
    await fetch(server, adapter, 6)
    assert clock.slept == [1.0, 1.0, 58.0]


async def test_adapters_of_one_integration_share_its_limits(
    server: ProviderServer, registry: AdapterRegistry, clock: FakeClock
) -> None:
    """A step of a run begins where the step before it has left off."""
    for _ in range(2):
        await fetch(server, described(registry, server, limits={"requestsPerHour": 100}), 50)
    assert clock.slept == []
    error = await failure(described(registry, server, limits={"requestsPerHour": 100}))
    assert type(error) is ThrottledError
    assert error.retry_after_seconds == 3600.0
    assert (len(server.requests), clock.slept) == (100, [])


async def test_attempts_count_as_requests(
    server: ProviderServer, registry: AdapterRegistry, clock: FakeClock
) -> None:
    """A request that is sent again needs room again."""
    server.faults.extend([faults.status(500)])
    await fetch(server, described(registry, server, limits={"requestsPerMinute": 1}))
    assert clock.slept == [1.0, 59.0]


async def test_an_entity_has_limits_and_retries_of_its_own(
    server: ProviderServer, registry: AdapterRegistry, clock: FakeClock
) -> None:
    """Where the API limits each method, one entity does not use up what another may do."""
    rest = rest_of({}, limits={"requestsPerDay": 1}, retry={"maxAttempts": 5})
    own = {"limits": {"requestsPerMinute": 1}, "retry": {"maxAttempts": 2, "initialDelaySeconds": 90}}
    rest["entities"]["other"] = {"list": {"path": "/other"}, "id": "id", **own}
    adapter = open_adapter(registry, server.url, rest)
    await fetch(server, adapter)
    server.faults.extend([faults.status(500)] * 2)
    error = await failure(adapter, FetchRequest("other", None, None, 2))
    assert type(error) is UnavailableError
    assert clock.slept == [60.0]
    assert server.targets == ["/all", "/other", "/other"]
    assert type(await failure(adapter)) is ThrottledError


async def test_retries_are_the_documents(
    server: ProviderServer, registry: AdapterRegistry, clock: FakeClock
) -> None:
    """As many attempts as declared, with waits that grow as declared."""
    policy = {"maxAttempts": 5, "initialDelaySeconds": 2, "multiplier": 3, "maxDelaySeconds": 20}
    adapter = described(registry, server, retry=policy)
    server.faults.extend([faults.status(503)] * 4)
    await fetch(server, adapter)
    assert clock.slept == [2.0, 6.0, 18.0, 20.0]


@pytest.mark.parametrize("reset", ["40", "Thu, 01 Jan 2026 00:00:40 GMT", "1767225640", "1767225640000"])
async def test_nothing_left_is_waited_out(
    server: ProviderServer, registry: AdapterRegistry, clock: FakeClock, reset: str
) -> None:
    """An answer that leaves no request makes the next one wait for the reset, however that is written."""
    adapter = described(registry, server, **QUOTA)
    await fetch(server, adapter, X_Left="1", X_Reset=reset)
    await fetch(server, adapter, X_Left="0", X_Reset=reset)
    assert clock.slept == []
    await fetch(server, described(registry, server, **QUOTA))
    assert clock.slept == [40.0]


@pytest.mark.parametrize(
    "headers", [{}, {"X_Left": "0"}, {"X_Left": "0", "X_Reset": "soon"}, {"X_Left": "none", "X_Reset": "40"}]
)
async def test_headers_that_tell_nothing_hold_up_nothing(
    server: ProviderServer, registry: AdapterRegistry, clock: FakeClock, headers: dict[str, str]
) -> None:
    """What can't be read is no reason to stop."""
    adapter = described(registry, server, **QUOTA)
    await fetch(server, adapter, 2, **headers)
    assert clock.slept == []


async def test_a_reset_after_more_than_five_minutes_is_the_callers(
    server: ProviderServer, registry: AdapterRegistry, clock: FakeClock
) -> None:
    """Nobody is asked, and no worker held, until the hour is over."""
    adapter = described(registry, server, **QUOTA)
    await fetch(server, adapter, X_Left="0", X_Reset="2400")
    clock.advance(400)
    error = await failure(adapter)
    assert type(error) is ThrottledError
    assert error.retry_after_seconds == 2000.0
    assert (len(server.requests), clock.slept) == (1, [])
    clock.advance(2000)
    await fetch(server, adapter)


async def test_a_pause_asked_for_holds_up_the_whole_integration(
    server: ProviderServer, registry: AdapterRegistry, clock: FakeClock
) -> None:
    """Another step does not ask again before a pause that was too long to wait for."""
    server.faults.append(faults.status(429, Retry_After="100"))
    assert type(await failure(described(registry, server))) is ThrottledError
    assert clock.slept == []
    await fetch(server, described(registry, server))
    assert clock.slept == [100.0]


async def test_an_answer_without_connection_is_given_up_as_declared(registry: AdapterRegistry) -> None:
    """A server that takes no connections costs no more than `connectSeconds`."""
    times = {"timeouts": {"connectSeconds": 0.05, "totalSeconds": 2}, "retry": {"maxAttempts": 1}}
    with deaf_server() as url:
        adapter = open_adapter(registry, url, rest_of({}, **times))
        error = await failure(adapter)
    assert isinstance(error, UnavailableError)
    assert "ConnectionTimeoutError" in str(error)


@contextmanager
def deaf_server() -> Iterator[str]:
    """Listen with a full backlog: the system answers no further connection."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
