"""One refresh for everybody who wants a token, whatever stalls, dies or comes late."""

from __future__ import annotations

import asyncio
import io
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from shared.domain.connection import ConnectionStatus
from shared.domain.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    IntegrationError,
    LeaseHeldError,
    LeaseLostError,
    ProviderContractError,
    UnavailableError,
)
from shared.domain.integration import IntegrationStatus
from shared.ports.documents import DocumentStore
from shared.ports.token_source import AccessToken, TokenGrant
from shared.resilience.lease import POLL_SECONDS, release_abandoned
from shared.services.refresh_mark import CLOCKS_SECONDS, REQUEST_SECONDS
from shared.telemetry.logs import configure_logging
from tests.fakes.token_endpoint import FakeTokenEndpoint
from tests.unit.services.sync_world import TENANT
from tests.unit.services.token_world import (
    VALUES,
    CrashError,
    Power,
    Process,
    TokenWorld,
    WatchedClock,
    token_world,
)

PHASES = ["turn", "lease", "reread", "mark", "request", "answer", "secret", "connection", "token", "release"]


class SlowWires(FakeTokenEndpoint):
    """Uses a refresh token up at once; the answer of request n comes when `wires[n]` is set.

    A used token is refused, and the grant goes on: it takes one request's answer to tell what is good.
    """

    def __init__(self) -> None:
        super().__init__()
        self.wires: dict[int, asyncio.Event] = defaultdict(asyncio.Event)

    async def request(
        self, credentials: Mapping[str, str], timeout_seconds: float | None = None
    ) -> TokenGrant:
        self.asked.append(credentials)
        number = len(self.asked)
        was_good = credentials["refreshToken"] == self.good
        if was_good:
            self.good = f"refresh-{number}"
        self.arrivals.release()
        await self.wires[number].wait()
        if not was_good:
            raise CredentialsRejectedError("The grant is gone.")
        return TokenGrant(AccessToken(f"access-{number}"), 3600, f"refresh-{number}")


class StallingStore:
    """A store whose process is stopped for some time right after it has written to `connections`."""

    def __init__(self, inner: DocumentStore, clock: WatchedClock, seconds: float) -> None:
        self._inner = inner
        self._clock = clock
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def put(self, container: str, *args: Any, **named: Any) -> str:
        etag = await self._inner.put(container, *args, **named)
        if container == "connections":
            self._clock.advance(self._seconds)
        return etag


class ForgetfulStore:
    """A store that takes no access tokens."""

    def __init__(self, inner: DocumentStore) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def put(self, container: str, *args: Any, **named: Any) -> str:
        if container == "access-tokens":
            raise UnavailableError("The store does not answer.")
        return await self._inner.put(container, *args, **named)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TokenWorld]:
    async with token_world(tmp_path) as opened:
        yield opened


async def refreshed(process: Process, rejected: str | None = None, at_least_seconds: float = 0) -> str:
    token = AccessToken(rejected) if rejected else None
    held = await process.refresh.token(await process.target(), token, at_least_seconds)
    return held.token.value


async def test_twenty_callers_in_two_processes_are_one_request(world: TokenWorld) -> None:
    """Those who wait for the lease use what its holder has got, without holding it themselves."""
    world.endpoint.gate.clear()
    powers = [Power(), Power()]
    processes = [world.process(f"p{number}", power) for number, power in enumerate(powers)]
    callers = [asyncio.create_task(refreshed(process)) for process in processes for _ in range(10)]
    await world.endpoint.arrivals.acquire()
    for _ in range(19):
        await world.clock.waits.acquire()
    world.endpoint.gate.set()
    await asyncio.wait(callers, return_when=asyncio.FIRST_COMPLETED)
    world.clock.advance(POLL_SECONDS)
    assert set(await asyncio.gather(*callers)) == {"access-1"}
    assert len(world.endpoint.asked) == 1
    effects = [effect for power in powers for effect in power.effects]
    assert (effects.count("request"), effects.count("secret")) == (1, 1)


async def test_new_process_uses_the_stored_token(world: TokenWorld) -> None:
    """It asks nobody and writes nothing."""
    await world.process("p1").token()
    power = Power()
    assert await world.process("p2", power).token() == "access-1"
    assert power.effects == []


async def test_stored_token_is_renewed_in_its_time(world: TokenWorld) -> None:
    """Also by a process that did not ask for it."""
    await world.process("p1").token()
    world.clock.advance(3301)
    assert await world.process("p2").token() == "access-2"


async def test_token_that_one_process_had_rejected_is_renewed_once_for_all(world: TokenWorld) -> None:
    """The others get the one that came in its place, though theirs was rejected too."""
    first, second = await world.process("p1").source(), await world.process("p2").source()
    rejected = await first.token()
    assert await second.token() == rejected
    assert [(await source.renew(rejected)).value for source in (second, first)] == ["access-2"] * 2
    assert len(world.endpoint.asked) == 2


async def test_token_must_live_as_long_as_asked(world: TokenWorld) -> None:
    """A sweep renews what others still use."""
    process = world.process()
    assert [await refreshed(process), await refreshed(process, at_least_seconds=1800)] == ["access-1"] * 2
    world.clock.advance(2000)
    assert await refreshed(process) == "access-1"
    assert await refreshed(process, at_least_seconds=1800) == "access-2"


async def test_mark_keeps_others_off_when_the_lease_is_lost(world: TokenWorld) -> None:
    """Nobody else sends the refresh token before that request is over; the error says when."""
    world.endpoint.gate.clear()
    first = asyncio.create_task(world.process("p1").token())
    await world.endpoint.arrivals.acquire()
    await release_abandoned(world.documents)
    world.clock.advance(5)
    with pytest.raises(LeaseHeldError) as held:
        await world.process("p2").token()
    assert held.value.retry_after_seconds == REQUEST_SECONDS + CLOCKS_SECONDS - 5
    assert len(world.endpoint.asked) == 1
    world.endpoint.gate.set()
    assert await first == "access-1"


async def test_request_is_over_before_its_mark(world: TokenWorld) -> None:
    """It gets no more time than that, and is not sent at all once the time has passed."""
    world.documents = cast("DocumentStore", StallingStore(world.documents, world.clock, 10))
    await world.process("p1").token()
    assert world.endpoint.timeouts == [REQUEST_SECONDS - 10]
    world.clock.advance(3600)
    world.documents = cast("DocumentStore", StallingStore(world.documents, world.clock, REQUEST_SECONDS))
    with pytest.raises(LeaseLostError):
        await world.process("p2").token()
    assert len(world.endpoint.asked) == 1


async def two_requests(world: TokenWorld, wires: SlowWires) -> list[asyncio.Task[str]]:
    """Send one refresh token twice: the first process has stood still for longer than its mark."""
    first = asyncio.create_task(world.process("p1").token())
    await wires.arrivals.acquire()
    await release_abandoned(world.documents)
    world.clock.advance(REQUEST_SECONDS + CLOCKS_SECONDS)
    second = asyncio.create_task(world.process("p2").token())
    await wires.arrivals.acquire()
    return [first, second]


async def test_late_answer_is_saved(world: TokenWorld) -> None:
    """Another process has seen the grant refused meanwhile; the answer proves that it lives."""
    world.endpoint = wires = SlowWires()
    first, second = await two_requests(world, wires)
    wires.wires[2].set()
    with pytest.raises(CredentialsRejectedError):
        await second
    assert (await world.connection()).status is ConnectionStatus.REVOKED
    assert (await world.integration()).status is IntegrationStatus.DISABLED
    wires.wires[1].set()
    assert await first == "access-1"
    assert await world.stored_refresh_token() == wires.good == "refresh-1"
    assert (await world.connection()).status is ConnectionStatus.ACTIVE
    assert (await world.integration()).status is IntegrationStatus.ACTIVE


async def test_refusal_of_what_another_has_replaced_meanwhile_is_none(world: TokenWorld) -> None:
    """Before a connection is given up, what is stored is read again; the winner's token is used."""
    world.endpoint = wires = SlowWires()
    first, second = await two_requests(world, wires)
    wires.wires[1].set()
    assert await first == "access-1"
    wires.wires[2].set()
    assert await second == "access-1"
    assert (await world.connection()).status is ConnectionStatus.ACTIVE
    assert await world.told() == []
    assert len(wires.asked) == 2


async def test_refusal_is_none_where_the_winner_died_before_naming_its_token(world: TokenWorld) -> None:
    """The new refresh token is in the secret store, and is found there."""
    world.endpoint = wires = SlowWires()
    first = asyncio.create_task(world.process("p1", Power(6)).token())  # dies at the connection
    await wires.arrivals.acquire()
    await release_abandoned(world.documents)
    world.clock.advance(REQUEST_SECONDS + CLOCKS_SECONDS)
    second = asyncio.create_task(world.process("p2").token())
    await wires.arrivals.acquire()
    wires.wires[1].set()
    with pytest.raises(CrashError):
        await first
    wires.wires[2].set()
    wires.wires[3].set()
    assert await second == "access-3"
    assert [values["refreshToken"] for values in wires.asked] == ["refresh-0", "refresh-0", "refresh-1"]


async def test_cancelled_caller_loses_no_answer(world: TokenWorld) -> None:
    """Whoever called, a sweep too; the end of the process waits for it."""
    world.endpoint.gate.clear()
    process = world.process()
    caller = asyncio.create_task(refreshed(process))
    await world.endpoint.arrivals.acquire()
    caller.cancel()
    closing = asyncio.create_task(process.refresh.close())
    world.endpoint.gate.set()
    await closing
    assert await world.stored_refresh_token() == "refresh-1"


@pytest.mark.parametrize(
    "failing", [UnavailableError("down"), ProviderContractError("HTML"), ConfigurationError("wrong secret")]
)
async def test_new_process_uses_a_living_token_that_it_can_not_renew(
    world: TokenWorld, failing: IntegrationError
) -> None:
    """Until it has expired; one that was rejected is not used."""
    await world.process("p1").token()
    world.clock.advance(3400)
    world.endpoint.failing = failing
    source = await world.process("p2").source()
    token = await source.token()
    assert token.value == "access-1"
    with pytest.raises(type(failing)):
        await source.renew(token)
    world.clock.advance(200)
    with pytest.raises(type(failing)):
        await world.process("p3").token()


async def test_failure_of_a_store_is_not_the_provider_s(world: TokenWorld) -> None:
    """Nothing is noted, and nobody is told."""
    power = Power()
    power.refusals = {"document": 2}
    with pytest.raises(UnavailableError):
        await world.process(power=power).token()
    assert (await world.connection()).failure is None
    assert await world.told() == []


async def test_token_that_can_not_be_shared_is_used(world: TokenWorld) -> None:
    """The grant is safe by then; others refresh once more."""
    world.documents = cast("DocumentStore", ForgetfulStore(world.documents))
    assert await world.process("p1").token() == "access-1"
    assert await world.process("p2").token() == "access-2"
    assert await world.stored_refresh_token() == world.endpoint.good


async def test_other_client_is_tried_by_a_real_refresh(world: TokenWorld) -> None:
    """What rotates is kept, whatever becomes of the client's credentials then."""
    process = world.process()
    await process.token()
    candidate = {"clientId": "c", "clientSecret": "new"}
    await process.refresh.try_client(await process.target(), candidate)
    assert world.endpoint.asked[-1] == {**candidate, "refreshToken": "refresh-1"}
    assert await world.stored_refresh_token() == world.endpoint.good == "refresh-2"
    assert await world.process("p2").token() == "access-2"


async def test_refusal_of_a_tried_client_is_noted_nowhere(world: TokenWorld) -> None:
    """It says nothing about the connection, which goes on at once."""
    process = world.process()
    world.endpoint.failing = ConfigurationError("wrong client secret")
    before = await world.connection()
    with pytest.raises(ConfigurationError):
        await process.refresh.try_client(await process.target(), {"clientId": "c", "clientSecret": "x"})
    after = await world.connection()
    assert after.changed(etag=before.etag, updated_at=before.updated_at) == before
    assert await world.told() == []
    world.endpoint.failing = None
    assert await world.process("p2").token() == "access-2"


async def test_missing_client_credentials_end_no_grant(world: TokenWorld) -> None:
    """They are somebody's to set again."""
    process = world.process()
    source = await process.source()
    integration = await world.integration()
    await world.secrets.set_enabled(
        integration.credential_secret_name or "", integration.credential_version or "", enabled=False
    )
    world.clock.advance(301)  # memory has forgotten them
    with pytest.raises(ConfigurationError, match="gone or disabled"):
        await source.token()
    connection = await world.connection()
    assert connection.status is ConnectionStatus.ACTIVE
    assert connection.failure is not None
    assert connection.failure.kind == "configuration"
    assert world.endpoint.asked == []


@pytest.mark.parametrize("status", [ConnectionStatus.REVOKED, ConnectionStatus.DISCONNECTED])
async def test_connection_that_is_over_asks_for_nothing(world: TokenWorld, status: ConnectionStatus) -> None:
    """Neither for one who comes then nor for one who came before."""
    process = world.process()
    source = await process.source()
    await world.connections.replace((await world.connection()).changed(status=status))
    with pytest.raises(CredentialsRejectedError, match="connect"):
        await source.token()
    with pytest.raises(CredentialsRejectedError, match="connect"):
        await process.source()
    assert world.endpoint.asked == []


async def test_deleted_connection_asks_for_nothing(world: TokenWorld) -> None:
    """And is not made again by a refresh."""
    source = await world.process().source()
    await world.connections.delete(await world.connection())
    with pytest.raises(ConfigurationError, match="connection was deleted"):
        await source.token()
    assert await world.connections.find(TENANT, "int1") is None


async def test_phases_are_logged_in_their_order(world: TokenWorld) -> None:
    """Kill tests end the process at these lines."""
    log = io.StringIO()
    configure_logging("debug", log)
    await refreshed(world.process())
    told = [json.loads(line)["message"] for line in log.getvalue().splitlines()]
    assert [text.removeprefix("phase ") for text in told if text.startswith("phase ")] == PHASES


async def test_stored_token_is_unreadable_in_the_document(world: TokenWorld) -> None:
    """And opens for its own connection only."""
    await world.process().token()
    document = await world.documents.get("access-tokens", (TENANT,), "int1")
    assert document is not None
    assert "access-1" not in json.dumps(document.body)
    assert document.body["ttl"] == 3600
    assert VALUES["refreshToken"] not in json.dumps(document.body)
