"""One connection's access token in memory: renewed before it expires, asked for once by however many."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Self

from shared.domain.errors import CredentialsRejectedError, IntegrationError
from shared.ports.clock import Clock
from shared.ports.token_source import AccessToken, TokenGrant
from shared.telemetry.logs import get_logger

EARLIEST_RENEWAL_SECONDS = 300.0
"""A token is renewed this long before it expires, or with a fifth of its lifetime left if that is shorter."""
PAUSE_SECONDS = 60.0
"""How long a token that still lives is used after a renewal failed for the moment."""

_log = get_logger("tokens")


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token and the time it has, on the monotonic clock.

    Attributes:
        version: Of the credentials that it belongs to.
        renew_at: From then on another one is asked for.
        expires_at: From then on it is of no use.
    """

    token: AccessToken
    version: str | None
    renew_at: float
    expires_at: float

    @classmethod
    def of(cls, grant: TokenGrant, version: str | None, asked_at: float) -> Self:
        """Count the lifetime from the request on. Without one the token is good until it is rejected."""
        lifetime = math.inf if grant.lifetime_seconds is None else grant.lifetime_seconds
        expires_at = asked_at + lifetime
        return cls(
            grant.access_token, version, expires_at - min(EARLIEST_RENEWAL_SECONDS, lifetime / 5), expires_at
        )

    def paused(self, now: float) -> Self:
        """Return the token to be used a while longer, after a renewal failed for the moment."""
        return replace(self, renew_at=min(self.expires_at, now + PAUSE_SECONDS))


Ask = Callable[[], Awaitable[HeldToken]]
"""Gets a new token."""


class TokenCache:
    """Holds one connection's token.

    Asking goes on when the caller is cancelled: what the answer has may not come a second time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: HeldToken | None = None
        self._asking: asyncio.Task[HeldToken] | None = None

    @property
    def is_asking(self) -> bool:
        """True while an answer is awaited."""
        return self._asking is not None

    async def get(self, ask: Ask) -> AccessToken:
        """Return a token that is good now.

        Raises:
            IntegrationError: What `ask` raises, unless the old token still lives and the grant is not gone.
        """
        held = self._held
        if held and self._clock.monotonic() < held.renew_at:
            return held.token
        try:
            return await self._new(ask)
        except CredentialsRejectedError:
            raise
        except IntegrationError as error:
            now = self._clock.monotonic()
            if held is None or held is not self._held or now >= held.expires_at:
                raise
            _log.warning("An access token could not be renewed yet: %s", error)
            self._held = held.paused(now)
            return held.token

    async def renew(self, rejected: AccessToken, ask: Ask) -> AccessToken:
        """Return another token than the one rejected; raises what `ask` does.

        A question under way may have been asked before the rejection, and bring the same token: then this
        one is asked too.
        """
        self._forget(rejected)
        token = await self.get(ask)
        if token == rejected:
            self._forget(rejected)
            token = await self.get(ask)
        return token

    def keep_only(self, version: str | None) -> None:
        """Forget the token if it belongs to other credentials than these."""
        if self._held and self._held.version != version:
            self._held = None

    async def settle(self) -> None:
        """Wait until nobody asks any more."""
        if self._asking:
            await asyncio.gather(self._asking, return_exceptions=True)

    def _forget(self, rejected: AccessToken) -> None:
        if self._held and self._held.token == rejected:
            self._held = None

    async def _new(self, ask: Ask) -> AccessToken:
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(ask), name="ask for an access token")
            self._asking.add_done_callback(_retrieve)
        return (await asyncio.shield(self._asking)).token

    async def _ask(self, ask: Ask) -> HeldToken:
        try:
            self._held = await ask()
            return self._held
        finally:
            self._asking = None


def _retrieve(task: asyncio.Task[HeldToken]) -> None:
    """Look at the outcome, also when everybody who waited for it is gone."""
    with contextlib.suppress(asyncio.CancelledError):
        task.exception()
