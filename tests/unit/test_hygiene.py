"""Secrets that get out are found: each way is planted in a run of its own, which has to fail."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.secret_search import holds_secret
from tests.secrets_used import secret

ROOT = Path(__file__).parents[2]
VALUE = secret('"/+:&')

PLANTED = """
import gzip, logging
import pytest
from shared.domain.errors import ConfigurationError
from tests.doubles.observed import saw
from tests.secrets_used import secret

log = logging.getLogger("castiel.planted")


def test_message():
    log.debug("with %s", secret("key"))


def test_metadata():
    log.info("all is well", extra={"metadata": {"key": secret("key")}})


def test_trace():
    try:
        raise ValueError(secret("key"))
    except ValueError:
        log.exception("it failed")


def test_error():
    with pytest.raises(ConfigurationError):
        raise ConfigurationError(f"{secret('key')} is wrong")


def test_document():
    saw("Cosmos DB", secret("key").encode())


def test_archive(tmp_path):
    (tmp_path / "batch.gz").write_bytes(gzip.compress(secret("key").encode()))


def test_nothing():
    log.info("all is well")
"""


def run_planted(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    folder.joinpath("test_planted.py").write_text(PLANTED)
    folder.joinpath("pytest.ini").write_text("[pytest]\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["COLUMNS"] = "500"  # its summary is cut off there
    options = ["-p", "tests.hygiene", "-p", "no:cacheprovider", "--basetemp", str(folder / "run")]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *more, str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run_in_its_own_folder(*options: str) -> subprocess.CompletedProcess[str]:
    """Not in that of this run, which is searched as well."""
    with tempfile.TemporaryDirectory() as folder:
        return run_planted(Path(folder), *options)


def test_planted_leaks_fail_their_tests() -> None:
    """Each test that lets a secret out is named, the one that doesn't is not."""
    run = run_in_its_own_folder("-k", "not archive")
    assert run.returncode == 1
    for name in ("message", "metadata", "trace", "error", "document"):
        assert f"::test_{name} - AssertionError: A secret got out." in run.stdout, run.stdout
    assert "::test_nothing - " not in run.stdout


@pytest.mark.parametrize("workers", ["0", "1"])
def test_planted_file_fails_the_run(workers: str) -> None:
    """Though every test has passed, in whichever process; and it is named."""
    run = run_in_its_own_folder("-k", "archive or nothing", "-n", workers)
    assert run.returncode == 1
    assert "2 passed" in run.stdout
    assert "batch.gz" in run.stdout


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: quote(text).encode(),
        lambda text: repr(text).encode(),
        lambda text: text.encode().hex().encode(),
        lambda text: base64.b64encode(text.encode()),
        lambda text: base64.urlsafe_b64encode(text.encode()),
    ],
)
def test_secret_is_found_however_it_is_written(encode: Callable[[str], bytes], before: str) -> None:
    """Plain, escaped, in hexadecimal digits or base64, after anything, and even where its end is cut off."""
    assert holds_secret(encode(before + VALUE))
    assert holds_secret(encode(before + VALUE[:-15]))
    assert not holds_secret(encode(before + "nothing"))
