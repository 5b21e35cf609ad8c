"""Starting the two servers: what they need, where they write, and how to tell that they are up."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson

from demo.app import App
from demo.children import ROOT, Children
from demo.client import JsonClient
from demo.errors import DemoError
from demo.record_server import LOGIN, Record, RecordServer, write_configuration

HOST = "127.0.0.1"
TENANT = "acme"

_KINTO_BIN = ROOT / ".venv-kinto" / "bin"


def check_kinto() -> None:
    """Raise DemoError if the record server's environment has not been made."""
    if not (_KINTO_BIN / "kinto").exists():
        raise DemoError(f"{_KINTO_BIN.parent} is missing. Start by `make run`, which makes it.")


def check_port(port: int) -> None:
    """Raise DemoError if somebody listens on the port already."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still being forgotten is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise DemoError(
                f"Port {port} can't be used ({error.strerror}): stop what listens there, or take another: "
                f"make run ARGS='--port {port + 1}'"
            ) from None


def free_port() -> int:
    """Return a port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def fresh_folder(path: Path) -> Path:
    """Return an empty folder at this path; what an earlier run left there is removed."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


class AppServer:
    """The app in a child process: `api_url` and a token are all that a client needs."""

    def __init__(self, children: Children, folder: Path, port: int) -> None:
        self.api_url = f"http://{HOST}:{port}/api"
        self.token = self.admin_token = ""
        self._children = children
        self._folder = folder
        self._port = port

    async def start(self) -> None:
        """Start the app and get a token of its own making.

        Raises:
            DemoError: It did not come up, or gave no token.
        """
        # Nothing that a developer keeps in the project's folder takes part.
        keys, settings = self._folder / "devhost-keys.json", self._folder / "local.settings.json"
        files = ["--keys-file", str(keys), "--local-settings", str(settings)]
        command = [sys.executable, "-m", "devhost", "--host", HOST, "--port", str(self._port), *files]
        await self._children.start("app", command, self._environ())
        async with JsonClient("The app", self.api_url) as client:
            await client.wait_until_up("/health/live")
        self.token = await self._token("--role", "tenant_admin", "--tenant", TENANT, "--user", "ada")
        self.admin_token = await self._token("--role", "super_admin", "--user", "root")

    @asynccontextmanager
    async def client(self) -> AsyncIterator[App]:
        """Yield the app's API with the token."""
        async with JsonClient("The app", self.api_url, {"Authorization": f"Bearer {self.token}"}) as client:
            yield App(client)

    async def _token(self, *whose: str) -> str:
        command = [sys.executable, "-m", "ops", "token", *whose]
        return (await self._children.output_of(command, self._environ())).strip()

    def _environ(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("INTEGRATIONS_")},
            "INTEGRATIONS_BACKEND": "embedded",
            "INTEGRATIONS_ENVIRONMENT": "production",
            "INTEGRATIONS_DATA_DIR": str(self._folder / "app"),
        }


class KintoServer:
    """Kinto in a child process, in its own environment, on a port that was free."""

    def __init__(self, children: Children, folder: Path) -> None:
        self._port = free_port()
        self.url = f"http://{HOST}:{self._port}"
        self._children = children
        self._folder = folder

    async def start(self) -> list[Record]:
        """Start Kinto and return the airports of the data set that is installed beside it."""
        configuration = write_configuration(self._folder)
        command = [str(_KINTO_BIN / "kinto"), "start", "--ini", str(configuration), "--port", str(self._port)]
        await self._children.start("kinto", command, os.environ)
        export = [str(_KINTO_BIN / "python"), str(ROOT / "demo" / "airports.py")]
        airports: list[Record] = orjson.loads(await self._children.output_of(export, os.environ))
        async with JsonClient("Kinto", f"{self.url}/v1") as client:
            await client.wait_until_up("/")
        return airports

    @asynccontextmanager
    async def client(self) -> AsyncIterator[RecordServer]:
        """Yield the record server, with leave to write."""
        login = aiohttp.BasicAuth(*LOGIN.split(":")).encode()
        async with JsonClient("Kinto", f"{self.url}/v1", {"Authorization": login}) as client:
            yield RecordServer(client)
