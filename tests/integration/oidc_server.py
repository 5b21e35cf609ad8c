"""A real, certified OpenID provider (npm oidc-provider) in a process of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import IO, NoReturn

import pytest

PACKAGE = "oidc-provider@9.13.3"
SCRIPT = Path(__file__).with_suffix(".mjs")
CLIENT_ID = "castiel"
BODY_CLIENT_ID = "castiel-body"
"""The client that sends its secret in the form."""
CLIENT_SECRET = "s3cret/+:&"
INSTALL_SECONDS = 120
STOP_SECONDS = 10


def install(folder: Path) -> Path:
    """Install the package and return where the server's script stands beside it.

    Without npm, or when it can't install, the test is skipped, or fails where `CI` is set.
    """
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        _without_server("npm and node are not there; install Node.js")
    command = [
        npm,
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(folder),
        PACKAGE,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        _without_server(f"npm could not install {PACKAGE}: {done.stderr[-500:]}")
    return Path(shutil.copy(SCRIPT, folder))


class OidcServer:
    """A server that forgets everything when it stops."""

    def __init__(self, script: Path) -> None:
        self._script = script
        self._port = _free_port()
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Return once it listens."""
        with (self._script.parent / "server.log").open("w") as log:
            self._process = subprocess.Popen(
                ["node", str(self._script), str(self._port), CLIENT_ID, BODY_CLIENT_ID, CLIENT_SECRET],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        lines = self._stdout
        if not any(line.strip() == "listening" for line in iter(lines.readline, "")):
            pytest.fail(f"the server ended at its start; see {self._script.parent / 'server.log'}")

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
            self._stdout.close()

    @property
    def _stdout(self) -> IO[str]:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout


def _without_server(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(f"needs an OpenID provider: {reason}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
