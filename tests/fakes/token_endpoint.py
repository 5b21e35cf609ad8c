"""A token endpoint without a network: it rotates, and an old refresh token ends the grant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext

from shared.domain.errors import CredentialsRejectedError, IntegrationError
from shared.ports.token_source import AccessToken, TokenGrant


class FakeTokenEndpoint:
    """Grants `access-1`, `access-2` and so on; the first good refresh token is `refresh-0`.

    A cleared `gate` keeps the answers back; `arrivals` is released with every request.
    """

    def __init__(self, *, rotates: bool = True, consumes_refresh_token: bool = True) -> None:
        self.rotates = rotates
        self.consumes_refresh_token = consumes_refresh_token
        self.good: str | None = "refresh-0"
        self.asked: list[Mapping[str, str]] = []
        self.timeouts: list[float | None] = []
        self.revokes = True
        self.revoked: list[str] = []
        self.failing: IntegrationError | None = None
        self.arrivals = asyncio.Semaphore(0)
        self.gate = asyncio.Event()
        self.gate.set()

    def turn(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def revoke(self, credentials: Mapping[str, str], token: str) -> bool:
        if self.failing:
            raise self.failing
        self.revoked.append(token)
        return self.revokes

    async def request(
        self, credentials: Mapping[str, str], timeout_seconds: float | None = None
    ) -> TokenGrant:
        self.asked.append(credentials)
        self.timeouts.append(timeout_seconds)
        number = len(self.asked)
        self.arrivals.release()
        await self.gate.wait()
        if self.failing:
            raise self.failing
        if not self.consumes_refresh_token:
            return TokenGrant(AccessToken(f"access-{number}"), 3600)
        if credentials["refreshToken"] != self.good:
            self.good = None
            raise CredentialsRejectedError("The grant is gone.")
        if not self.rotates:
            return TokenGrant(AccessToken(f"access-{number}"), 3600)
        self.good = f"refresh-{number}"
        return TokenGrant(AccessToken(f"access-{number}"), 3600, self.good)
