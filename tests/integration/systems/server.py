"""A system in a process of its own, and the requests that tests make of it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import aiohttp
import pytest

START_SECONDS = 90.0
STOP_SECONDS = 10.0


@contextmanager
def running(
    command: Sequence[str], url: str, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a server for as long as the block lasts; it begins once the server answers at `url`."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **(environment or {})}, stdout=output, stderr=output
        )
    try:
        _wait_for_answer(process, url, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Api:
    """A system's own API, as its users call it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request; return the answer's JSON. Header names take `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.request(method, path, json=body, headers=named) as response:
            answer = await response.json(content_type=None)
            assert response.ok, answer
            return answer


def _wait_for_answer(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2):
            return True
    except HTTPError:
        return True
    except OSError:
        return False
