"""How long an access token is used, and how often one is asked for."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    IntegrationError,
    UnavailableError,
)
from shared.ports.token_source import AccessToken, TokenGrant
from shared.services.token_cache import HeldToken, TokenCache
from tests.fakes.clock import FakeClock


class Asking:
    """Counts the requests for tokens; each gives another one, or fails."""

    def __init__(self, clock: FakeClock, lifetime: float | None = 3600) -> None:
        self.clock = clock
        self.lifetime = lifetime
        self.count = 0
        self.failing: IntegrationError | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> HeldToken:
        self.count += 1
        number = self.count
        await self.gate.wait()
        if self.failing:
            raise self.failing
        grant = TokenGrant(AccessToken(f"token-{number}"), self.lifetime)
        return HeldToken.of(grant, "v1", self.clock.monotonic())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache(clock: FakeClock) -> TokenCache:
    return TokenCache(clock)


@given(st.one_of(st.none(), st.floats(0.001, 1e9)), st.floats(0, 1e6))
def test_token_is_renewed_before_it_expires(lifetime: float | None, asked_at: float) -> None:
    """Five minutes before, or with a fifth of its time left; never if the server tells no lifetime."""
    held = HeldToken.of(TokenGrant(AccessToken("t"), lifetime), None, asked_at)
    if lifetime is None:
        assert held.renew_at == held.expires_at == math.inf
    else:
        assert held.expires_at == asked_at + lifetime
        assert held.expires_at - held.renew_at == pytest.approx(min(300, lifetime / 5), abs=1e-6)


@pytest.mark.parametrize(("lifetime", "good_for"), [(3600.0, 3300.0), (100.0, 80.0)])
async def test_token_is_asked_for_once_in_its_time(
    cache: TokenCache, clock: FakeClock, lifetime: float, good_for: float
) -> None:
    """And again when that has passed."""
    ask = Asking(clock, lifetime)
    await cache.get(ask)
    clock.advance(good_for - 1)
    assert (await cache.get(ask)).value == "token-1"
    clock.advance(1)
    assert (await cache.get(ask)).value == "token-2"


async def test_many_callers_share_one_request(cache: TokenCache, clock: FakeClock) -> None:
    """However many want a token at once."""
    ask = Asking(clock)
    ask.gate.clear()
    callers = [asyncio.create_task(cache.get(ask)) for _ in range(20)]
    await asyncio.sleep(0)
    ask.gate.set()
    assert {token.value for token in await asyncio.gather(*callers)} == {"token-1"}


async def test_many_rejections_of_one_token_are_one_renewal(cache: TokenCache, clock: FakeClock) -> None:
    """Those who come later get the token that the first has brought."""
    ask = Asking(clock)
    rejected = await cache.get(ask)
    tokens = await asyncio.gather(*(cache.renew(rejected, ask) for _ in range(5)))
    assert {token.value for token in (*tokens, await cache.renew(rejected, ask))} == {"token-2"}


async def test_cancelled_caller_does_not_end_the_request(cache: TokenCache, clock: FakeClock) -> None:
    """Its answer may hold the only refresh token that is good from now on."""
    ask = Asking(clock)
    ask.gate.clear()
    caller = asyncio.create_task(cache.get(ask))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    ask.gate.set()
    await cache.settle()
    assert ask.count == 1
    assert (await cache.get(ask)).value == "token-1"


async def test_token_that_lives_is_used_while_none_can_be_had(cache: TokenCache, clock: FakeClock) -> None:
    """It is tried again a minute later, not with every request; once it is dead there is nothing to use."""
    ask = Asking(clock)
    await cache.get(ask)
    clock.advance(3400)
    ask.failing = UnavailableError("down")
    assert (await cache.get(ask)).value == "token-1"
    assert (await cache.get(ask)).value == "token-1"
    assert ask.count == 2
    clock.advance(60)
    await cache.get(ask)
    assert ask.count == 3
    clock.advance(140)
    with pytest.raises(UnavailableError):
        await cache.get(ask)


async def test_token_that_lives_is_used_though_the_client_is_refused(
    cache: TokenCache, clock: FakeClock
) -> None:
    """A wrong client secret is somebody's to correct; until the token dies it stops nobody."""
    ask = Asking(clock)
    await cache.get(ask)
    clock.advance(3400)
    ask.failing = ConfigurationError("wrong client secret")
    assert (await cache.get(ask)).value == "token-1"
    clock.advance(200)
    with pytest.raises(ConfigurationError):
        await cache.get(ask)


async def test_rejection_while_a_question_is_under_way_asks_again(
    cache: TokenCache, clock: FakeClock
) -> None:
    """The question knew nothing of the rejection, and may bring the rejected token from elsewhere."""
    rejected = AccessToken("token-1")
    ask = Asking(clock)
    ask.gate.clear()
    earlier = asyncio.create_task(cache.get(ask))
    await asyncio.sleep(0)
    renewal = asyncio.create_task(cache.renew(rejected, ask))
    await asyncio.sleep(0)
    ask.gate.set()
    assert await earlier == rejected
    assert (await renewal).value == "token-2"


async def test_final_refusal_is_told_though_the_token_lives(cache: TokenCache, clock: FakeClock) -> None:
    """The grant is gone: somebody has to know."""
    ask = Asking(clock)
    await cache.get(ask)
    clock.advance(3400)
    ask.failing = CredentialsRejectedError("gone")
    with pytest.raises(CredentialsRejectedError):
        await cache.get(ask)


async def test_rejected_token_is_not_used_again(cache: TokenCache, clock: FakeClock) -> None:
    """Not even when no other can be had."""
    ask = Asking(clock, None)
    rejected = await cache.get(ask)
    ask.failing = UnavailableError("down")
    with pytest.raises(UnavailableError):
        await cache.renew(rejected, ask)
    ask.failing = None
    assert (await cache.get(ask)).value == "token-3"


async def test_token_of_other_credentials_is_forgotten(cache: TokenCache, clock: FakeClock) -> None:
    """Whoever stores new ones expects them to be used."""
    ask = Asking(clock)
    await cache.get(ask)
    cache.keep_only("v1")
    assert (await cache.get(ask)).value == "token-1"
    cache.keep_only("v2")
    assert (await cache.get(ask)).value == "token-2"
