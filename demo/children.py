"""The programs that the demonstration starts: watched while they run, gone when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from demo.errors import DemoError

ROOT = Path(__file__).resolve().parents[1]
STOP_SECONDS = 15.0
"""How long a program may take to finish what it has in hand."""

_COMMAND_SECONDS = 120.0
_TAIL_LINES = 15


class Children:
    """Starts programs, each in a session of its own so that Ctrl-C reaches only the demonstration."""

    def __init__(self, logs: Path, supervision: asyncio.TaskGroup, guard: Process) -> None:
        self._logs = logs
        self._supervision = supervision
        self._guard = guard
        self._running: list[Process] = []

    async def start(self, name: str, command: list[str], environ: Mapping[str, str]) -> None:
        """Start a server; its output goes to `NAME.log`. Its end is reported as an error of the whole."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = await _spawn(command, environ, output.fileno(), STDOUT)
        self._running.append(process)
        self._supervision.create_task(self._watch(name, process, log))
        if self._guard.stdin:
            self._guard.stdin.write(f"{process.pid}\n".encode())

    async def output_of(self, command: list[str], environ: Mapping[str, str]) -> str:
        """Run a command to its end and return what it printed.

        Raises:
            DemoError: It failed, or took longer than two minutes.
        """
        # Files, not pipes: a process whose pipe nobody reads any more counts as running to asyncio.
        with TemporaryFile() as printed, TemporaryFile() as complaints:
            process = await _spawn(command, environ, printed.fileno(), complaints.fileno())
            try:
                async with asyncio.timeout(_COMMAND_SECONDS):
                    await process.wait()
            except TimeoutError:
                raise DemoError(f"{' '.join(command)} did not end within {_COMMAND_SECONDS:.0f} s.") from None
            finally:
                if process.returncode is None:
                    await _stop(process)
            if process.returncode:
                raise DemoError(f"{' '.join(command)} failed:\n{_text(complaints).strip()}")
            return _text(printed)

    async def stop(self) -> None:
        """End every server that still runs; what does not end in time is killed."""
        running, self._running = self._running, []
        await asyncio.gather(*(_stop(process) for process in running))

    async def _watch(self, name: str, process: Process, log: Path) -> None:
        code = await process.wait()
        if process in self._running:
            text = await asyncio.to_thread(log.read_text, errors="replace")
            head = f"{name} ended by itself (exit code {code}). The end of {log}:"
            raise DemoError("\n  ".join([head, *text.splitlines()[-_TAIL_LINES:]]))


@contextlib.asynccontextmanager
async def supervised(logs: Path) -> AsyncIterator[Children]:
    """Yield the children; on the way out, whatever the reason, all of them are stopped.

    Raises:
        DemoError: What the block raised, or that a server ended by itself.
    """
    guard = await _start_guard()
    try:
        async with asyncio.TaskGroup() as supervision:
            children = Children(logs, supervision, guard)
            try:
                yield children
            finally:
                await children.stop()
    except ExceptionGroup as group:
        problems, others = group.split(DemoError)
        if problems is None or others is not None:
            raise
        raise problems.exceptions[0] from None
    finally:
        guard.kill()
        await guard.wait()


async def _start_guard() -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "demo.guard",
        stdin=PIPE,
        stdout=DEVNULL,
        stderr=DEVNULL,
        cwd=ROOT,
        start_new_session=True,
    )


async def _spawn(command: list[str], environ: Mapping[str, str], output: int, complaints: int) -> Process:
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=output,
        stderr=complaints,
        env=environ,
        cwd=ROOT,
        start_new_session=True,
    )


async def _stop(process: Process) -> None:
    _signal_group(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        _signal_group(process, signal.SIGKILL)
        await process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _signal_group(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
