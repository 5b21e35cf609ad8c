from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from shared.backends.embedded.process_lock import process_lock
from shared.domain.errors import ConfigurationError

HOLDER = """
import sys
from pathlib import Path
from shared.backends.embedded.process_lock import process_lock
with process_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


async def start_holder(directory: Path) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(directory), stdin=pipe, stdout=pipe
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    return holder


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    """A second owner is told which process has the directory and what to do; afterwards it's free."""
    with process_lock(tmp_path):
        with pytest.raises(ConfigurationError) as caught, process_lock(tmp_path):
            pass
        assert str(tmp_path) in str(caught.value)
        assert f"process {os.getpid()}: stop that process" in str(caught.value)

    with process_lock(tmp_path):
        pass


async def test_a_killed_owner_leaves_nothing_behind(tmp_path: Path) -> None:
    """The lock of another process holds while it lives, and no longer when it was killed."""
    holder = await start_holder(tmp_path)
    with pytest.raises(ConfigurationError, match=f"process {holder.pid}"), process_lock(tmp_path):
        pass

    holder.kill()
    await holder.communicate()

    with process_lock(tmp_path):
        pass


def test_directories_have_locks_of_their_own(tmp_path: Path) -> None:
    """Two data directories can be open at once."""
    other = tmp_path / "other"
    other.mkdir()

    with process_lock(tmp_path), process_lock(other):
        pass


def test_a_missing_directory_is_explained(tmp_path: Path) -> None:
    """A directory that isn't there is a mistake in the settings."""
    with (
        pytest.raises(ConfigurationError, match="check that the directory exists"),
        process_lock(tmp_path / "no"),
    ):
        pass
