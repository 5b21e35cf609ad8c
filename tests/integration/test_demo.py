"""The demonstration as a user starts it: a child process, its output, its exit code, and what it leaves."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from demo.children import ROOT

MARK = "DEMO_TEST_MARK"
LIMIT_SECONDS = 240


class Run:
    """A running demonstration; everything that it starts inherits a mark in its environment."""

    def __init__(self, *arguments: str) -> None:
        self._mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo", *arguments],
            cwd=ROOT,
            env={**os.environ, MARK: self._mark, "COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def read_until(self, text: str) -> str:
        """Return the output up to the first line that holds the text."""
        assert self.process.stdout
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line)
            if text in line:
                return "".join(lines)
        pytest.fail(f"ended before it said {text!r}: {''.join(lines)}{self.finish()}")

    def finish(self) -> tuple[int, str, str]:
        """Wait for its end; return the exit code, the output and the complaints."""
        output, complaints = self.process.communicate(timeout=LIMIT_SECONDS)
        return self.process.returncode, output, complaints

    def living(self) -> list[int]:
        """Return the ids of the processes that carry the mark."""
        wanted = f"{MARK}={self._mark}".encode()
        return [
            int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if wanted in _content(path)
        ]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it ended meanwhile, or is somebody else's
        return b""


@pytest.fixture(autouse=True)
def _kinto() -> None:
    if (ROOT / ".venv-kinto" / "bin" / "kinto").exists():
        return
    reason = "the record server is not installed: `make .venv-kinto/.made`"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def free_port_folder(tmp_path: Path) -> tuple[str, ...]:
    return ("--port", "0", "--data-dir", str(tmp_path))


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_once(free_port_folder: tuple[str, ...]) -> None:
    """It syncs twice, finds both ends equal, shows the table, exits with 0 and leaves no process behind."""
    run = Run(*free_port_folder, "--once", "--records", "500")
    code, output, complaints = run.finish()
    assert (code, complaints) == (0, "")
    assert "end state equals the server's, 458 records" in output
    assert re.search(r"first +500 +500 +0 +0 +0 +0 ", output)
    assert re.search(r"second +\d+ +0 +125 +\d+ +42 +0 ", output)
    assert run.living() == []


def test_serves_on(free_port_folder: tuple[str, ...]) -> None:
    """Without --once the app serves what the summary points at until Ctrl-C, which is a good end."""
    run = Run(*free_port_folder, "--records", "10")
    output = run.read_until("Ctrl-C ends everything")
    token = re.search(r"export TOKEN=(\S+)", output)
    url = re.search(r"'(http://\S+/shards\?\S+)'", output)
    assert token
    assert url
    with urlopen(Request(url[1], headers={"Authorization": f"Bearer {token[1]}"}), timeout=60) as answer:
        assert b'"icao"' in answer.read()
    run.process.send_signal(signal.SIGINT)
    code, _, complaints = run.finish()
    assert (code, complaints) == (0, "")
    assert run.living() == []


@pytest.mark.parametrize("step", ["1/8", "2/8", "5/8"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_early(free_port_folder: tuple[str, ...], step: str, number: signal.Signals) -> None:
    """A signal halfway ends it with a line instead of a traceback, and leaves no process behind."""
    run = Run(*free_port_folder, "--records", "50")
    run.read_until(step)
    run.process.send_signal(number)
    code, output, complaints = run.finish()
    assert (code, complaints) == (130, "")
    assert "ended before it was through" in output
    assert run.living() == []


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux to wait for processes of others")
def test_killed(free_port_folder: tuple[str, ...]) -> None:
    """Even `kill -9` leaves no process behind: the guard ends the servers."""
    run = Run(*free_port_folder, "--records", "50")
    run.read_until("kinto serves")
    run.process.kill()
    run.finish()
    for process_id in run.living():
        _wait_for_end(process_id)
    assert run.living() == []


def _wait_for_end(process_id: int) -> None:
    try:
        handle = os.pidfd_open(process_id)
    except ProcessLookupError:
        return
    with os.fdopen(handle):
        select.select([handle], [], [], LIMIT_SECONDS)


def test_taken_port(taken_port: int, tmp_path: Path) -> None:
    """A taken port is one line that says what to do, and exit code 1, before anything is started."""
    code, output, complaints = Run("--port", str(taken_port), "--data-dir", str(tmp_path)).finish()
    assert (code, output) == (1, "")
    assert complaints.count("\n") == 1
    assert f"Port {taken_port} " in complaints
    assert f"make run ARGS='--port {taken_port + 1}'" in complaints
    assert list(tmp_path.iterdir()) == []
