"""From process start to the first HTTP answer: the app, beside a bare FunctionApp in the same devhost.

    python -m bench.startup [--runs 15]

Both are started in turn, each in a fresh process; medians, and their ratio.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
APPS = {"bare": "bench.bare_app:app", "app": "function_app:app"}
PATHS = {"live": "/api/health/live", "ready": "/api/health/ready"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the first HTTP answer of a fresh process.")
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    cases = {"bare, live": ("bare", "live"), "app, live": ("app", "live"), "app, ready": ("app", "ready")}
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(runs):
        for name, (app, path) in cases.items():
            seconds[name].append(first_answer(APPS[app], PATHS[path]))
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    print(f"from process start to the first 200, medians of {runs} runs")
    for name, median in medians.items():
        print(f"  {name:<12} {median * 1000:6.0f} ms   {median / medians['bare, live']:.2f} x bare")


def first_answer(
    app: str, path: str, variables: Mapping[str, str] | None = None, token: str | None = None
) -> float:
    """Return the seconds from the start of a process to its first answer at a path, with a caller's token."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        command = [sys.executable, "-m", "devhost", "--app", app, "--port", str(port), "--quiet"]
        environment = {**os.environ, "INTEGRATIONS_DATA_DIR": folder, "INTEGRATIONS_LOG_LEVEL": "error"}
        environment |= variables or {}
        command += ["--keys-file", f"{folder}/keys.json"]
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        try:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
            return _wait_for(request, process) - started
        finally:
            process.terminate()
            process.wait()


def _wait_for(request: urllib.request.Request, process: subprocess.Popen[bytes]) -> float:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=5):
                return time.perf_counter()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.002)
    raise SystemExit(f"the process ended with {process.returncode} before it answered")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
