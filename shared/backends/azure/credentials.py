"""Who this app is to Azure: the managed identity there, a developer's sign-in elsewhere."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Any, Self

from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import AioHttpTransport

from shared.backends.azure.transport import open_transport
from shared.domain.errors import UnavailableError

TOKEN_TIMEOUT_SECONDS = 30.0
"""The operations guide's `apiCall`. Clients keep a token for most of its life, an hour or a day."""


class AzureCredential:
    """An `AsyncTokenCredential` that all clients of a process share, opened at the first token.

    Opening imports azure-identity, 200 ms at a cold start.

    Args:
        open_it: Opens the credential behind it; `DefaultAzureCredential` by default.
        tls: What that one is to trust; the system's authorities by default.
        timeout_seconds: For one token.
    """

    def __init__(
        self,
        open_it: Callable[[], Awaitable[AsyncTokenCredential]] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = TOKEN_TIMEOUT_SECONDS,
    ) -> None:
        self._open_it = open_it or partial(_open_default, tls)
        self._timeout_seconds = timeout_seconds
        self._opening = asyncio.Lock()
        self._opened: AsyncTokenCredential | None = None

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,
    ) -> AccessToken:
        """Return a token for one service.

        Raises:
            UnavailableError: Nobody issued one. Retried, because the identity's endpoint also fails when it
                is merely restarting; a missing identity shows in the app's health.
        """
        options = {"claims": claims, "tenant_id": tenant_id, "enable_cae": enable_cae, **kwargs}
        try:
            async with asyncio.timeout(self._timeout_seconds):
                opened = await self._credential()
                return await opened.get_token(*scopes, **options)
        except (AzureError, TimeoutError) as error:
            # Without its text and cause, which may hold what the issuer answered.
            raise UnavailableError(
                f"Azure issued no token for this app's identity ({type(error).__name__});"
                " check that it has a managed identity."
            ) from None

    async def close(self) -> None:
        """Close the credential behind it. Idempotent; the next token opens it again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()

    async def _credential(self) -> AsyncTokenCredential:
        async with self._opening:
            if self._opened is None:
                self._opened = await self._open_it()
            return self._opened


class _Default:
    """Azure's chain of credentials over one transport, which an unused chain would leave open."""

    def __init__(self, chain: AsyncTokenCredential, transport: AioHttpTransport) -> None:
        self.get_token = chain.get_token
        self._chain = chain
        self._transport = transport

    async def close(self) -> None:
        await self._chain.close()
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()


async def _open_default(tls: ssl.SSLContext | None) -> AsyncTokenCredential:
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - only where a token is needed

    transport = open_transport(tls)
    return _Default(DefaultAzureCredential(transport=transport), transport)
