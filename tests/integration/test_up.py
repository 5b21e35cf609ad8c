"""`make up` as a user starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 240


def test_two_instances_come_up_and_go_down() -> None:
    """It tells where everything is once both instances are ready, and SIGTERM ends it with 0."""
    port = _two_free_ports()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.doubles.up", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    deadline = threading.Timer(LIMIT_SECONDS, process.kill)
    deadline.start()
    try:
        assert process.stdout is not None
        said = ""
        while f"127.0.0.1:{port + 1}/api" not in said:
            line = process.stdout.readline()
            assert line, f"it ended with {process.wait()}: {said}"
            said += line
        for number in (port, port + 1):
            _wait_until_ready(number, process)
        process.send_signal(signal.SIGTERM)
        process.communicate()
    finally:
        deadline.cancel()
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert all(name in said for name in ("Cosmos DB", "Key Vault", "archive", "TOKEN=", "ADMIN="))


def _wait_until_ready(port: int, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/api/health/ready", timeout=10) as answer:
                assert answer.status == 200
                return
        except OSError:
            continue
    raise AssertionError(f"it ended with {process.returncode}")


def _two_free_ports() -> int:
    """Return a free port that is followed by another."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
