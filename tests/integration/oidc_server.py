"""A real, certified OpenID provider (npm oidc-provider) in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn
from urllib.parse import quote_plus

import aiohttp
import pytest

from tests.integration.free_port import free_port
from tests.secrets_used import MARK, secret

PACKAGE = "oidc-provider@9.13.3"
SCRIPT = Path(__file__).with_suffix(".mjs")
CLIENT_ID = "castiel"
BODY_CLIENT_ID = "castiel-body"
"""The client that sends its secret in the form."""
CLIENT_SECRET = secret("/+:&")
CLIENT = {"Authorization": aiohttp.encode_basic_auth(CLIENT_ID, quote_plus(CLIENT_SECRET))}
"""The headers of the client's own requests."""
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


@dataclass(frozen=True, slots=True)
class Event:
    """What the server tells of its tokens.

    Attributes:
        name: grant.success, grant.error, grant.revoked or refresh_token.consumed.
        grant_id: Whose, where it is known.
        kind: The grant type of a success, the code of an error.
    """

    name: str
    grant_id: str | None
    kind: str | None


@dataclass(frozen=True, slots=True)
class Allowed:
    """What somebody who allowed the app in has given it."""

    grant_id: str
    refresh_token: str


class OidcServer:
    """A server that forgets everything when it stops.

    Args:
        script: As installed.
        access_token_seconds: How long access tokens live.
        redirect_uri: Where it may send browsers back to.
    """

    def __init__(
        self,
        script: Path,
        *,
        access_token_seconds: int = 600,
        redirect_uri: str = "https://app.example.com/callback",
    ) -> None:
        self._script = script
        self._port = free_port()
        self._options = {
            "port": self._port,
            "clientId": CLIENT_ID,
            "bodyClientId": BODY_CLIENT_ID,
            "clientSecret": CLIENT_SECRET,
            "redirectUri": redirect_uri,
            "accessTokenSeconds": access_token_seconds,
            "mark": MARK,
        }
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Return once it listens."""
        told = self._script.parent / f"server-{self._port}.log"
        with told.open("w") as log:
            self._process = subprocess.Popen(
                ["node", str(self._script), json.dumps(self._options)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        lines = self._stdout
        if not any(line.strip() == "listening" for line in iter(lines.readline, "")):
            pytest.fail(f"the server ended at its start; see {told}")

    async def events(self, grant_id: str | None = None) -> list[Event]:
        """Return what has happened so far, to one grant or to all."""
        found = [Event(each["name"], each["grantId"], each["kind"]) for each in await self._door("events")]
        return [event for event in found if grant_id in (None, event.grant_id)]

    async def allow(self) -> Allowed:
        """Do what a person does who allows the app in."""
        given = await self._door("refresh-token")
        return Allowed(given["grantId"], given["token"])

    async def expire(self, access_token: str) -> None:
        """Do to an access token what time does."""
        await self._door("expire", token=access_token)

    async def revoke(self, grant_id: str) -> None:
        """Do what a person does who no longer wants the app to have access."""
        await self._door("revoke", grantId=grant_id)

    async def post(self, path: str, **form: str) -> Any:
        """Send a form as the client, and return the answer."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}{path}", data=form, headers=CLIENT) as answer,
        ):
            assert answer.status == 200
            return await answer.json(content_type=None)

    async def _door(self, name: str, **query: str) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/test/{name}", params=query) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json(content_type=None)

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
