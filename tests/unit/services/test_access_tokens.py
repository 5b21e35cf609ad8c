"""Access tokens from stored refresh tokens: none is used twice, and none is lost that can be kept."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.domain.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    LeaseHeldError,
    UnavailableError,
)
from shared.resilience.lease import LEASE_SECONDS, POLL_SECONDS
from shared.services.token_refresh import PATIENCE_SECONDS
from shared.telemetry.logs import configure_logging
from tests.unit.services.token_world import THE_PROVIDER, CrashError, Power, TokenWorld, token_world

EFFECTS = ["document", "document", "request", "secret", "document", "document", "document"]
"""What a refresh changes: lease, mark, grant, secret, connection, token, lease."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TokenWorld]:
    async with token_world(tmp_path) as opened:
        yield opened


async def test_rotated_refresh_token_is_stored(world: TokenWorld) -> None:
    """As a new version that the connection names; the integration is not touched."""
    before, integration = await world.connection(), await world.integration()
    assert await world.process().token() == "access-1"
    after = await world.connection()
    assert await world.stored_refresh_token() == "refresh-1"
    assert after.secret_version != before.secret_version
    assert await world.integration() == integration
    versions = await world.secrets.versions(after.secret_name or "")
    assert [version.version for version in versions] == [after.secret_version, before.secret_version]


async def test_refresh_token_is_stored_before_the_access_token_is_used(world: TokenWorld) -> None:
    """Nobody has the new access token while the secret store refuses."""
    power = Power(4)  # dies at the secret
    process = world.process(power=power)
    with pytest.raises(CrashError):
        await process.token()
    assert power.effects == EFFECTS[:4]


async def test_process_asks_once_and_again_when_it_is_time(world: TokenWorld) -> None:
    """Later steps share the token; each renewal uses the refresh token of the one before."""
    process = world.process()
    assert [await process.token(), await process.token()] == ["access-1", "access-1"]
    world.clock.advance(3300)
    assert await process.token() == "access-2"
    assert [values["refreshToken"] for values in world.endpoint.asked] == ["refresh-0", "refresh-1"]


async def test_missing_refresh_token_in_the_answer_keeps_the_stored_one(world: TokenWorld) -> None:
    """Most servers send none."""
    world.endpoint.rotates = False
    before = await world.connection()
    await world.process().token()
    assert (await world.connection()).secret_version == before.secret_version
    assert await world.stored_refresh_token() == "refresh-0"


async def test_adapter_gets_no_value_behind_the_tokens(world: TokenWorld) -> None:
    """What is not needed can't leak, and no repr tells a token."""
    credentials = await world.process().tokens.of(await world.integration(), THE_PROVIDER)
    assert dict(credentials.values) == {}
    assert credentials.tokens is not None
    assert "access" not in repr(await credentials.tokens.token())


async def test_two_processes_never_use_one_refresh_token_twice(world: TokenWorld) -> None:
    """The second waits for its turn, and uses what the first has got."""
    world.endpoint.gate.clear()
    first = asyncio.create_task(world.process("p1").token())
    await world.endpoint.arrivals.acquire()
    second = asyncio.create_task(world.process("p2").token())
    await world.clock.waiting.wait()
    world.endpoint.gate.set()
    assert await first == "access-1"
    world.clock.advance(POLL_SECONDS)
    assert await second == "access-1"
    assert world.endpoint.good == await world.stored_refresh_token() == "refresh-1"


async def test_waiting_for_another_process_ends(world: TokenWorld) -> None:
    """As something to try again later, without a request."""
    world.endpoint.gate.clear()
    first = asyncio.create_task(world.process("p1").token())
    await world.endpoint.arrivals.acquire()
    second = asyncio.create_task(world.process("p2").token())
    await world.clock.waiting.wait()
    world.clock.advance(PATIENCE_SECONDS)
    with pytest.raises(LeaseHeldError):
        await second
    world.endpoint.gate.set()
    assert await first == "access-1"
    assert len(world.endpoint.asked) == 1


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("number", range(1, len(EFFECTS) + 1))
async def test_grant_outlives_a_crash(world: TokenWorld, number: int, before: bool) -> None:
    """Wherever a process dies, another goes on, unless the new refresh token was only in its memory."""
    power = Power(number, before=before)
    with pytest.raises(CrashError):
        await world.process("p1", power).token()
    assert power.effects == EFFECTS[:number]
    world.clock.advance(LEASE_SECONDS)
    survivor = world.process("p2")
    only_in_memory = (number, before) in {(3, False), (4, True)}
    if only_in_memory:
        with pytest.raises(CredentialsRejectedError):
            await survivor.token()
    else:
        assert (await survivor.token()).startswith("access-")
        assert world.endpoint.good == await world.stored_refresh_token()


async def test_crash_between_two_renewals_in_a_row_loses_nothing(world: TokenWorld) -> None:
    """A rotation that was not named is named before it is used, so that no chain of them can form."""
    for owner in ("p1", "p2", "p3"):
        with pytest.raises(CrashError):
            await world.process(owner, Power(5)).token()
        world.clock.advance(LEASE_SECONDS)
    await world.process("p4").token()
    assert world.endpoint.good == await world.stored_refresh_token()


async def test_new_refresh_token_is_stored_however_often_the_store_refuses(world: TokenWorld) -> None:
    """It is the only one that is good."""
    power = Power()
    power.refusals = {"secret": 3}
    assert await world.process(power=power).token() == "access-1"
    assert power.effects == [*EFFECTS[:3], *["secret"] * 4, *EFFECTS[4:]]
    assert world.endpoint.good == await world.stored_refresh_token()


async def test_credentials_stored_meanwhile_are_not_overwritten(world: TokenWorld) -> None:
    """Whoever connects again while an old token is renewed ends up with what they stored."""
    world.endpoint.gate.clear()
    process = world.process()
    renewal = asyncio.create_task(process.token())
    await world.endpoint.arrivals.acquire()
    await world.process("admin").connect_past_the_lease("from-ada")
    world.endpoint.gate.set()
    with pytest.raises(UnavailableError, match="replaced at this moment"):
        await renewal
    assert await world.stored_refresh_token() == "from-ada"
    world.endpoint.good = "from-ada"
    assert await process.token() == "access-2"


async def test_new_credentials_are_used_at_the_next_step(world: TokenWorld) -> None:
    """Though the token from the old ones still lives."""
    process = world.process()
    await process.token()
    await process.connect(refreshToken="from-ada")
    world.endpoint.good = "from-ada"
    assert await process.token() == "access-2"
    assert world.endpoint.asked[-1]["refreshToken"] == "from-ada"


async def test_dead_grant_is_told(world: TokenWorld) -> None:
    """And nothing stored is changed by it."""
    world.endpoint.good = None
    with pytest.raises(CredentialsRejectedError):
        await world.process().token()
    assert await world.stored_refresh_token() == "refresh-0"


async def test_client_credentials_are_shared_too(world: TokenWorld) -> None:
    """Two processes that want a token at once get the same one, and no refresh token is touched."""
    world.endpoint.consumes_refresh_token = False
    world.endpoint.gate.clear()
    first = asyncio.create_task(world.process("p1").token())
    await world.endpoint.arrivals.acquire()
    second = asyncio.create_task(world.process("p2").token())
    await world.clock.waiting.wait()
    world.endpoint.gate.set()
    assert await first == "access-1"
    world.clock.advance(POLL_SECONDS)
    assert await second == "access-1"
    assert await world.stored_refresh_token() == "refresh-0"


async def test_end_of_the_process_waits_for_what_is_asked(world: TokenWorld) -> None:
    """A step that is cancelled does not take the only refresh token with it."""
    world.endpoint.gate.clear()
    process = world.process()
    step = asyncio.create_task(process.token())
    await world.endpoint.arrivals.acquire()
    step.cancel()
    closing = asyncio.create_task(process.tokens.close())
    world.endpoint.gate.set()
    await closing
    assert await world.stored_refresh_token() == "refresh-1"


async def test_logs_tell_no_token(world: TokenWorld) -> None:
    """Neither of the kind that comes nor of the kind that goes."""
    log = io.StringIO()
    configure_logging("debug", log)
    await world.process().token()
    assert "A new access token" in log.getvalue()
    assert not any(token in log.getvalue() for token in ("access-1", "refresh-0", "refresh-1"))


async def test_deleted_integration_asks_for_nothing(world: TokenWorld) -> None:
    """Its run ends with that reason."""
    source = await world.process().source()
    await world.integrations.delete(await world.integration())
    with pytest.raises(ConfigurationError, match="was deleted"):
        await source.token()
    assert world.endpoint.asked == []
