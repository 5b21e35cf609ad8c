"""Where people sign in, without a network: every code is good once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from shared.domain.errors import CredentialsRejectedError
from shared.ports.token_source import AccessToken, AuthorizationRequest, TokenGrant


class FakeAuthorizationEndpoint:
    """Exchanges any code once, for `access-CODE` and `refresh-CODE`; `arrivals` is released each time."""

    def __init__(self) -> None:
        self.scopes = ("read",)
        self.used: list[str] = []
        self.arrivals = asyncio.Semaphore(0)

    def begin(self, client_id: str, redirect_uri: str, state: str) -> AuthorizationRequest:
        return AuthorizationRequest(f"https://login.example.com/?state={state}", "a verifier")

    async def exchange(
        self, credentials: Mapping[str, str], code: str, redirect_uri: str, verifier: str | None
    ) -> TokenGrant:
        if code in self.used or verifier != "a verifier":
            raise CredentialsRejectedError("The code is not good.")
        self.used.append(code)
        self.arrivals.release()
        return TokenGrant(AccessToken(f"access-{code}"), 3600, f"refresh-{code}")
