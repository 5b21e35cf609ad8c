"""`python -m devhost` as a process: its ready line, its stop, its exit codes."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

REPOSITORY = Path(__file__).parents[3]
APP = REPOSITORY / "tests" / "fixtures" / "http_app"
READY = "devhost: ready on "


class Devhost:
    """Starts devhost over the fixture app, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[Process] = []

    async def launch(self, *options: str) -> Process:
        (self._folder / "host.json").write_text('{"version": "2.0"}')
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-m", "devhost", *options),
            cwd=self._folder,
            env={"PYTHONPATH": f"{APP}:{REPOSITORY}"},  # the repository has a function_app as well
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        self._processes.append(process)
        return process

    async def serve(self, *options: str) -> tuple[Process, str]:
        """Return a process that is ready, and its URL."""
        process = await self.launch("--port", "0", *options)
        assert process.stderr is not None
        line = (await process.stderr.readline()).decode()
        assert line.startswith(READY), line + (await process.stderr.read()).decode()
        return process, line.removeprefix(READY).strip()

    async def end(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


@pytest.fixture
async def devhost(tmp_path: Path) -> AsyncIterator[Devhost]:
    host = Devhost(tmp_path)
    yield host
    await host.end()


async def _begin(url: str, route: str, process: Process) -> asyncio.Task[str]:
    """Return a request in flight whose function has begun."""

    async def text() -> str:
        async with aiohttp.ClientSession() as client, client.get(f"{url}/api/{route}") as response:
            return await response.text()

    assert process.stdout is not None
    request, begun = asyncio.create_task(text()), asyncio.create_task(process.stdout.readline())
    await asyncio.wait([request, begun], return_when=asyncio.FIRST_COMPLETED)
    assert begun.done(), request.result()
    assert begun.result() == b"begun\n"
    return request


async def _until_it_no_longer_listens(url: str) -> None:
    address = urlsplit(url)
    while True:
        try:
            _, writer = await asyncio.open_connection(address.hostname, address.port)
        except ConnectionRefusedError:
            return
        except ConnectionResetError:  # it closed with this connection waiting to be accepted
            continue
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_gracefully(devhost: Devhost, number: signal.Signals) -> None:
    """The socket closes, the request in hand gets its answer, and the exit code is 0."""
    process, url = await devhost.serve("--grace-seconds", "600")
    request = await _begin(url, "read-line", process)
    process.send_signal(number)
    await _until_it_no_longer_listens(url)
    assert process.stdin is not None
    process.stdin.write(b"answer\n")
    assert await request == "answer"
    assert await process.wait() == 0


async def test_what_outlives_the_grace_period_is_cancelled(devhost: Devhost) -> None:
    """An async function that goes on for ever is cancelled; the exit code is still 0."""
    process, url = await devhost.serve("--grace-seconds", "0.01")
    request = await _begin(url, "forever", process)
    process.terminate()
    with pytest.raises(aiohttp.ClientError):
        await request
    assert process.stdout is not None
    assert await process.stdout.readline() == b"cancelled\n"
    assert await process.wait() == 0


async def test_a_thread_that_never_ends_does_not_hold_the_process(devhost: Devhost) -> None:
    """A sync function can't be cancelled; the process ends without it."""
    process, url = await devhost.serve("--grace-seconds", "0.01")
    request = await _begin(url, "forever-on-thread", process)
    process.terminate()
    with pytest.raises(aiohttp.ClientError):
        await request
    assert await process.wait() == 0


async def test_a_second_signal_ends_the_process_at_once(devhost: Devhost) -> None:
    """Who does not want to wait for the grace period signals again; the exit code tells the signal."""
    process, url = await devhost.serve("--grace-seconds", "600")
    request = await _begin(url, "forever", process)
    process.send_signal(signal.SIGINT)
    await _until_it_no_longer_listens(url)
    process.send_signal(signal.SIGINT)
    with pytest.raises(aiohttp.ClientError):
        await request
    assert await process.wait() == 128 + signal.SIGINT


def _taken_port(url: str) -> list[str]:
    return ["--port", url.rpartition(":")[2]]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (_taken_port, "is taken; choose another with --port"),
        (lambda _: ["--app", "nothing:app"], "no module 'nothing'"),
        (lambda _: ["--host-json", "missing.json"], "missing.json can't be read"),
    ],
)
async def test_what_prevents_a_start_is_one_line(
    devhost: Devhost, options: Callable[[str], list[str]], complaint: str
) -> None:
    """One clear line on standard error, no traceback, and the exit code 1."""
    _, url = await devhost.serve("--quiet")
    process = await devhost.launch(*options(url))
    _, errors = await process.communicate()
    assert process.returncode == 1
    (line,) = errors.decode().splitlines()
    assert line.startswith("devhost: ")
    assert complaint in line
