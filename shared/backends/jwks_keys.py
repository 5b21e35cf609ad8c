"""The issuer's public keys: fetched, cached, and fetched again when an unknown one turns up."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import jwt

from shared.domain.errors import UnavailableError
from shared.ports.clock import Clock

if TYPE_CHECKING:
    from aiohttp import ClientResponse

FRESH_SECONDS = 600
"""How long fetched keys are used without asking again; a key that its issuer withdrew lives on so long."""

REFETCH_SECONDS = 60
"""The least time between two fetches while there are keys: made-up key ids must not cause more."""

FIRST_RETRY_SECONDS = 5
"""The same while there are none, and nobody can be let in."""

MAX_DOCUMENT_BYTES = 1024 * 1024

log = logging.getLogger(__name__)


class JwksKeys:
    """A JSON Web Key Set (RFC 7517) at a URL.

    Args:
        url: Where the issuer publishes its keys.
        algorithms: Keys for other algorithms are left out; so are symmetric ones.
        clock: Time.
        timeout_seconds: For one fetch.
    """

    def __init__(self, url: str, algorithms: Collection[str], clock: Clock, timeout_seconds: float) -> None:
        self._url = url
        self._algorithms = algorithms
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """Return the key with this id (`kid`), or None if the issuer has none.

        Raises:
            UnavailableError: No keys could ever be fetched.
        """
        if self._must_fetch(key_id):
            async with self._fetching:
                # Whoever waited for somebody else's fetch makes do with its outcome.
                if self._must_fetch(key_id):
                    await self._refresh()
        if not self._keys:
            raise UnavailableError(
                "the signing keys can't be fetched", retry_after_seconds=FIRST_RETRY_SECONDS
            )
        return self._keys.get(key_id)

    def _must_fetch(self, key_id: str) -> bool:
        now = self._clock.monotonic()
        if self._fetched_at is not None and now - self._fetched_at < FRESH_SECONDS and key_id in self._keys:
            return False
        pause_seconds = REFETCH_SECONDS if self._keys else FIRST_RETRY_SECONDS
        return self._tried_at is None or now - self._tried_at >= pause_seconds

    async def _refresh(self) -> None:
        try:
            self._keys = _parse(await self._fetch(), self._algorithms)
            self._fetched_at = self._clock.monotonic()
        except UnavailableError as error:
            log.warning("the signing keys of %s can't be fetched: %s", self._url, error)
        self._tried_at = self._clock.monotonic()

    async def _fetch(self) -> bytes:
        import aiohttp  # noqa: PLC0415  # 150 ms that a cold start need not spend

        try:
            timeout = aiohttp.ClientTimeout(total=self._timeout_seconds)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self._url, allow_redirects=False) as response,
            ):
                return await _read(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnavailableError(type(error).__name__) from error


async def _read(response: ClientResponse) -> bytes:
    if response.status != HTTPStatus.OK:
        raise UnavailableError(f"status {response.status}")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise UnavailableError(f"the answer is longer than {MAX_DOCUMENT_BYTES} bytes")
    return bytes(body)


def _parse(document: bytes, algorithms: Collection[str]) -> Mapping[str, jwt.PyJWK]:
    try:
        keys = jwt.PyJWKSet.from_dict(json.loads(document)).keys
    except (ValueError, TypeError, AttributeError, RecursionError, jwt.PyJWTError):
        raise UnavailableError("the answer is not a set of keys") from None
    usable = {
        key.key_id: key
        for key in keys
        if isinstance(key.key_id, str)
        and key.public_key_use in {None, "sig"}
        and key.algorithm_name in algorithms
    }
    if not usable:
        raise UnavailableError("the answer holds no key for the accepted algorithms")
    return usable
