"""A real browser, Debian's chromium without a window, driven over the Chrome DevTools Protocol."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

START_SECONDS = 60.0
PAGE_SECONDS = 30.0
POLL_SECONDS = 0.05
PROFILE = "chromium-profile"
"""The folder's name: a browser remembers where it was, with all that was in the addresses."""


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def open(self, url: str) -> None:
        """Go to a page, and return once it is there."""
        answer = await self._send("Page.navigate", url=url)
        assert "errorText" not in answer, answer["errorText"]
        await self.wait_for("document.readyState === 'complete'")

    async def run(self, script: str) -> Any:
        """Return what an expression's value is, or what its promise keeps."""
        answer = await self._send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def wait_for(self, condition: str) -> None:
        """Return once an expression is true; while pages change it may not even make sense."""
        async with asyncio.timeout(PAGE_SECONDS):
            while not await self._is_true(condition):
                await asyncio.sleep(POLL_SECONDS)

    async def fill(self, selector: str, text: str) -> None:
        """Type into the first field that the selector finds, once it is there."""
        found = f"document.querySelector({json.dumps(selector)})"
        await self.wait_for(f"{found} !== null")
        await self.run(f"{found}.value = {json.dumps(text)}")

    async def click(self, selector: str) -> None:
        """Click the first thing that the selector finds, once it is there."""
        found = f"document.querySelector({json.dumps(selector)})"
        await self.wait_for(f"document.readyState === 'complete' && {found} !== null")
        await self.run(f"{found}.click()")

    async def wait_for_address(self, beginning: str) -> None:
        """Return once a page is there whose address begins like this."""
        await self.wait_for(
            f"document.readyState === 'complete' && location.href.startsWith({json.dumps(beginning)})"
        )

    async def text(self) -> str:
        """Return what can be read on the page."""
        return str(await self.run("document.body.innerText"))

    async def _is_true(self, condition: str) -> bool:
        answer = await self._send("Runtime.evaluate", expression=condition, returnByValue=True)
        return answer.get("result", {}).get("value") is True

    async def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(PAGE_SECONDS):
            while True:
                message = await self._socket.receive_json()
                if message.get("id") == number:  # the others are events
                    result: dict[str, Any] = message.get("result", {})
                    return result


def chromium_executable() -> str:
    """Return where chromium is. Without one, the test is skipped, or fails where `CI` is set."""
    if path := shutil.which("chromium"):
        return path
    reason = "needs a browser: chromium is not there; on Debian `apt-get install chromium` brings it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@asynccontextmanager
async def browser_page(folder: Path) -> AsyncIterator[Page]:
    """Start a browser without a past, with one tab, and end it."""
    profile = folder / PROFILE
    process = _start(chromium_executable(), profile)
    try:
        async with aiohttp.ClientSession() as session:
            url = await _first_tab(session, await _port(profile, process))
            async with session.ws_connect(url, max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        process.kill()
        process.wait()


def _start(executable: str, profile: Path) -> subprocess.Popen[bytes]:
    options = [
        "--headless",
        "--no-sandbox",  # tests may run as root
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--no-first-run",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
    ]
    profile.mkdir()
    with (profile / "chromium.log").open("wb") as log:
        return subprocess.Popen([executable, *options], stdout=log, stderr=log)


async def _port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    """Return where it listens: it writes that down once it does."""
    told = profile / "DevToolsActivePort"
    async with asyncio.timeout(START_SECONDS):
        while not (told.is_file() and "\n" in told.read_text()):
            assert process.poll() is None, (profile / "chromium.log").read_text()
            await asyncio.sleep(POLL_SECONDS)
    return int(told.read_text().splitlines()[0])


async def _first_tab(session: aiohttp.ClientSession, port: int) -> str:
    async with asyncio.timeout(START_SECONDS):
        while True:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [each for each in await answer.json() if each["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
            await asyncio.sleep(POLL_SECONDS)
