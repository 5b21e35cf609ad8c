"""HTTP with JSON, as both servers speak it; what goes wrong becomes a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp
import orjson

from demo.errors import DemoError

_REQUEST_SECONDS = 120.0
_START_SECONDS = 120.0
_START_POLL_SECONDS = 0.1
_CAUSE_SECONDS = 1.0
"""A request that breaks because the server died waits this long for its supervisor to say so instead."""


class Answer(NamedTuple):
    """What a server answered: the parsed JSON body, and the headers with names in any case."""

    body: Any
    headers: Mapping[str, str]


class JsonClient:
    """A server at a base URL. Use it as an asynchronous context manager."""

    def __init__(self, name: str, base_url: str, headers: Mapping[str, str] | None = None) -> None:
        self._name = name
        self._base_url = base_url
        self._session = aiohttp.ClientSession(
            headers=headers, timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request to a path under the base URL, or to a full URL of the same server.

        Raises:
            DemoError: No answer within two minutes, or a status of 400 and above.
        """
        url = path if path.startswith("http") else self._base_url + path
        data = None if body is None else orjson.dumps(body)
        typed = {"Content-Type": "application/json", **(headers or {})}
        try:
            async with self._session.request(method, url, data=data, params=query, headers=typed) as response:
                text = await response.read()
                if not response.ok:
                    said = text.decode(errors="replace")
                    raise DemoError(f"{self._name} answered {method} {url} with {response.status}:\n{said}")
                return Answer(orjson.loads(text) if text else None, response.headers)
        except (aiohttp.ClientError, TimeoutError) as error:
            await asyncio.sleep(_CAUSE_SECONDS)
            raise DemoError(f"{self._name} did not answer {method} {url}: {error!r}") from error

    async def wait_until_up(self, path: str) -> None:
        """Return as soon as a path answers with 200.

        Raises:
            DemoError: It does not within two minutes.
        """
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await self._is_up(path):  # noqa: ASYNC110 - another process can set no event
                    await asyncio.sleep(_START_POLL_SECONDS)
        except TimeoutError:
            raise DemoError(f"{self._name} did not come up within {_START_SECONDS:.0f} s.") from None

    async def _is_up(self, path: str) -> bool:
        try:
            async with self._session.get(self._base_url + path) as response:
                return response.status == HTTPStatus.OK
        except aiohttp.ClientError:
            return False
