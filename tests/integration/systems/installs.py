"""Real systems from the package registries, installed once and kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

INSTALL_SECONDS = 200
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")
NPM = ("install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix")


def python_packages(*packages: str) -> Path:
    """Return the `bin` folder of an environment that has these packages; skips or fails without them."""
    with _made_once(packages) as (folder, is_new):
        if is_new:
            _run([sys.executable, "-m", "venv", "--clear", str(folder)])
            _run([str(folder / "bin/python"), *PIP, *packages])
    return folder / "bin"


def npm_packages(*packages: str) -> Path:
    """Return the `bin` folder of a project that has these packages; skips or fails without them."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        missing("npm and node are not there; install Node.js")
    with _made_once(packages) as (folder, is_new):
        if is_new:
            _run([npm, *NPM, str(folder), *packages])
    return folder / "node_modules/.bin"


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where `CI` is set."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def _made_once(packages: Sequence[str]) -> Iterator[tuple[Path, bool]]:
    """Give the folder of these packages, and whether it has to be filled; other processes wait."""
    name = hashlib.sha256("\n".join((sys.version, *packages)).encode()).hexdigest()[:12]
    folder = _cache() / name
    folder.mkdir(parents=True, exist_ok=True)
    with (_cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = folder / ".made"
        is_new = not mark.exists()
        yield folder, is_new
        mark.touch()


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "castiel-integrations" / "systems"


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        missing(f"could not install: {' '.join(command[1:])}: {done.stderr[-500:]}")
