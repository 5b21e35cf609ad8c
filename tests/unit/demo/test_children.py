from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from demo.children import Children, supervised
from demo.errors import DemoError

TELLS_ITS_ID = "import os, sys, time; print(os.getpid(), flush=True); sys.stdin.read(); time.sleep(600)"


async def _server_id(children: Children, folder: Path) -> int:
    """Start a server that says its process id in its log, and wait for that."""
    os.mkfifo(folder / "server.log")  # so that waiting for the line needs no polling
    reader = asyncio.get_running_loop().run_in_executor(None, _first_line, folder / "server.log")
    await children.start("server", [sys.executable, "-c", TELLS_ITS_ID], os.environ)
    return int(await reader)


def _first_line(path: Path) -> str:
    with path.open() as pipe:
        return pipe.readline()


def _exists(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


async def test_stopped_at_the_end(tmp_path: Path) -> None:
    """A server is gone when the block ends."""
    async with supervised(tmp_path) as children:
        process_id = await _server_id(children, tmp_path)
        assert _exists(process_id)
    assert not _exists(process_id)


async def test_stopped_when_cancelled(tmp_path: Path) -> None:
    """A server is gone when the block is cancelled."""
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with supervised(tmp_path) as children:
            started.set_result(await _server_id(children, tmp_path))
            await asyncio.Event().wait()

    serving = asyncio.create_task(serve())
    process_id = await started
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert not _exists(process_id)


async def test_death_is_reported(tmp_path: Path) -> None:
    """A server that ends by itself ends the block, with its exit code and the end of its log."""
    dies = "import sys; print('what happened'); sys.exit(3)"

    async def serve() -> None:
        async with supervised(tmp_path) as children:
            await children.start("server", [sys.executable, "-c", dies], os.environ)
            await asyncio.Event().wait()

    with pytest.raises(DemoError, match=r"server ended by itself \(exit code 3\)(?s:.*)what happened"):
        await serve()


async def test_output(tmp_path: Path) -> None:
    """A command's output is returned, however long it is."""
    async with supervised(tmp_path) as children:
        printed = await children.output_of([sys.executable, "-c", "print('x' * 1_000_000)"], os.environ)
    assert len(printed) == 1_000_001


async def test_failed_command(tmp_path: Path) -> None:
    """A command that fails is reported with what it said."""
    with pytest.raises(DemoError, match="no such luck"):
        async with supervised(tmp_path) as children:
            await children.output_of([sys.executable, "-c", "raise SystemExit('no such luck')"], os.environ)


async def test_guard() -> None:
    """The guard ends the groups that it was told of when its input ends; gone ones do not trouble it."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE, start_new_session=True
    )
    guard = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "demo.guard", stdin=asyncio.subprocess.PIPE
    )
    await guard.communicate(f"{server.pid}\n{2**22 + 1}\n".encode())
    assert guard.returncode == 0
    assert await server.wait() != 0
