"""Kills a process at every call that touches files, one after the other; a program, run by the crash tests.

`python -m tests.unit.backends.embedded.crash_points SCENARIO FOLDER` runs the scenario again and again, each
time in a fresh `FOLDER/<n>` and in a process of its own that kills itself at its n-th step, until one
survives. A step is the moment before or after a call that changes files. With `secrets-loop` it writes for
ever instead, and prints a line for every write that was confirmed.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from shared.backends.embedded.file_archive import FileArchive
from shared.backends.embedded.file_secrets import FileSecretStore
from shared.backends.embedded.local_identity import LocalIdentity
from tests.fakes.clock import FakeClock

MODULE = "tests.unit.backends.embedded.crash_points"
ROOT = Path(__file__).parents[4]
CHANGES = {
    "open",
    "write",
    "flush",
    "close",
    "fsync",
    "flock",
    "mkdir",
    "rename",
    "replace",
    "unlink",
    "rmdir",
}
ARCHIVED = b"content" * 200_000
"""More than one block of the archive."""

Scenario = Callable[[Path], Coroutine[Any, Any, None]]


async def set_first_secret(folder: Path) -> None:
    store = await FileSecretStore.open(folder, FakeClock())
    await store.set("key", "new")


async def prepare_secret(folder: Path) -> None:
    store = await FileSecretStore.open(folder, FakeClock())
    await store.set("key", "old")


async def archive_object(folder: Path) -> None:
    archive = await FileArchive.open(folder, FakeClock())
    await archive.put("2026/01/audit", _archived(), {"kind": "audit"})


async def make_identity(folder: Path) -> None:
    await asyncio.to_thread(new_identity, folder)


async def nothing(_: Path) -> None:
    pass


SCENARIOS: Mapping[str, tuple[Scenario, Scenario]] = {
    "first-secret": (nothing, set_first_secret),
    "next-secret": (prepare_secret, set_first_secret),
    "archive": (nothing, archive_object),
    "identity": (nothing, make_identity),
}
"""What happens in safety first, and what the process dies of."""


def new_identity(folder: Path) -> LocalIdentity:
    return LocalIdentity.open(folder, FakeClock(), issuer="castiel-local", audience="castiel")


def crash_everywhere(scenario: str, folder: Path) -> list[Path]:
    """Run a scenario with a crash at every step; return the folders, the last of which saw no crash."""
    command = [sys.executable, "-m", MODULE, scenario, str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    return sorted(folder.iterdir(), key=lambda crashed: int(crashed.name))


def start_loop(folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that sets the secret `key` to 1, 2, 3 and so on, until it is killed."""
    command = [sys.executable, "-m", MODULE, "secrets-loop", str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


async def _archived() -> AsyncIterator[bytes]:
    yield ARCHIVED


async def _set_secrets(folder: Path) -> None:
    store = await FileSecretStore.open(folder, FakeClock())
    for number in itertools.count(len(await store.versions("key")) + 1):
        await store.set("key", str(number))
        os.write(sys.stdout.fileno(), b"confirmed\n")


def _run(prepare: Scenario, scenario: Scenario, folder: Path) -> None:
    for step in itertools.count(1):
        crashed = folder / str(step)
        crashed.mkdir()
        _in_child(prepare, crashed)
        if _in_child(scenario, crashed, dies_at=step):
            return


def _in_child(scenario: Scenario, folder: Path, dies_at: int = 0) -> bool:
    """Run a scenario in a forked process; False if it was killed. Who forks has one thread."""
    child = os.fork()
    if child == 0:
        _die_at(dies_at)
        asyncio.run(scenario(folder))
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in {0, -signal.SIGKILL}:
        raise SystemExit(f"the scenario failed with {status}")
    return status == 0


def _die_at(step: int) -> None:
    steps = itertools.count(1)

    def watch(_: FrameType, event: str, function: Any) -> None:
        if event in {"c_call", "c_return"} and function.__name__ in CHANGES and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)


if __name__ == "__main__":
    name, place = sys.argv[1], Path(sys.argv[2])
    if name == "secrets-loop":
        asyncio.run(_set_secrets(place))
    _run(*SCENARIOS[name], place)
