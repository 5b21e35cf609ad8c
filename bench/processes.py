"""The inbound job in a fresh process, and what it cost by the kernel's account."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took from its start to its end. `peak_mb`: the most memory that was resident at once."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float


def sync_once(
    source: str, folder: Path, records: int, page: int = 1000, variables: Mapping[str, str] | None = None
) -> Cost:
    """Sync all records of a source in a process of its own; exits where it fails or reads another number."""
    command = [sys.executable, "-m", "bench.inbound", "--source", source, "--page", str(page)]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--db", str(folder / "x.db")],
        cwd=ROOT,
        env={**os.environ, **(variables or {})},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    lines = output.splitlines()
    read = orjson.loads(lines[-1])["records"] if lines and process.returncode == 0 else None
    if read != records:
        raise SystemExit(f"the sync ended with {process.returncode}, records: {read} of {records}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
