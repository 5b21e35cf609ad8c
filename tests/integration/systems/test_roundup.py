"""Roundup, an issue tracker of 2001: page numbers, a filter language of its own, and silent deletions."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.systems.installs import python_packages
from tests.integration.systems.scenario import HERE, Connection, connected, report_of
from tests.integration.systems.server import Api, free_port, running
from tests.unit.functions.live_app import LiveApp

PASSWORD = "s3cret"
SERVE = """
import sys
from roundup.cgi.wsgi_handler import RequestDispatcher
from waitress import serve
serve(RequestDispatcher(sys.argv[1]), listen=sys.argv[2])
"""
"""Its own server refuses to run as root; this is how its guide deploys it behind another."""
ISSUES = 230
"""At least; more where they are made so fast that one look-back would have them all."""
LOOK_BACK_SECONDS = 5
HEADERS = {"Authorization": aiohttp.encode_basic_auth("admin", PASSWORD), "X-Requested-With": "rest"}


class Tracker:
    """A tracker, as its users write it."""

    def __init__(self, api: Api, url: str) -> None:
        self._api = api
        self.connection = Connection(
            HERE / "roundup.yaml",
            "issue",
            {"trackerUrl": url},
            {"title": "title", "status": "status.name"},
            {"username": "admin", "password": PASSWORD},
        )

    async def report(self, title: str) -> None:
        """Create an issue."""
        await self._api.call("POST", "/rest/data/issue", {"title": title, "priority": "1"})

    async def rename(self, number: int, title: str) -> None:
        """Change an issue's title, if nobody else has changed it since."""
        path = f"/rest/data/issue/{number}"
        tag = (await self._api.call("GET", path))["data"]["@etag"]
        await self._api.call("PUT", f"{path}/title", {"data": title}, If_Match=tag)

    async def retire(self, number: int) -> None:
        """Delete an issue, as far as Roundup does."""
        path = f"/rest/data/issue/{number}"
        tag = (await self._api.call("GET", path))["data"]["@etag"]
        await self._api.call("DELETE", path, If_Match=tag)

    async def age_seconds(self) -> float:
        """Return how much younger the last issue is than the first."""
        answer = await self._api.call("GET", "/rest/data/issue?@fields=creation")
        times = [datetime.fromisoformat(each["creation"]) for each in answer["data"]["collection"]]
        return (max(times) - min(times)).total_seconds()

    async def content(self) -> dict[str, dict[str, Any]]:
        answer = await self._api.call("GET", "/rest/data/issue?@fields=title,status&@verbose=2")
        return {
            each["id"]: {"title": each["title"], "status": each["status"]["name"]}
            for each in answer["data"]["collection"]
        }


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    programs = python_packages("roundup==2.6.0", "waitress>=3,<4")
    home, url = str(tmp_path / "tracker"), f"http://127.0.0.1:{(port := free_port())}"
    settings = {
        "web_secret_key": "key",
        "tracker_web": f"{url}/",
        "mail_domain": "example.com",
        "mail_host": "localhost",
        "mail_debug": str(tmp_path / "mail"),
        "password_pbkdf2_default_rounds": "1000",  # it checks the password of each request
    }
    given = ",".join(f"{name}={value}" for name, value in settings.items())
    _admin(programs, home, "install", "classic", "sqlite", given)
    _admin(programs, home, "initialise", PASSWORD)
    with running([str(programs / "python"), "-c", SERVE, home, f"127.0.0.1:{port}"], url, tmp_path):
        yield url


def _admin(programs: Path, home: str, *arguments: str) -> None:
    subprocess.run(
        [str(programs / "roundup-admin"), "-i", home, *arguments], check=True, capture_output=True, timeout=60
    )


@pytest.fixture
async def tracker(server: str) -> AsyncIterator[Tracker]:
    async with aiohttp.ClientSession(server, headers={**HEADERS, "Origin": server}) as session:
        opened = Tracker(Api(session), server)
        number = 0
        while number < ISSUES or await opened.age_seconds() < LOOK_BACK_SECONDS * 2:
            await opened.report(f"Issue {number}")
            number += 1
        yield opened


async def test_copy_follows_the_tracker(
    app: LiveApp, tracker: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Changes come at the next run; what is retired goes once two complete readings have missed it."""
    copy = await connected(app, tracker.connection)
    issues = len(await tracker.content())
    assert await copy.sync() == {"read": issues, "created": issues}
    assert await copy.shards() == await tracker.content()
    again = await copy.sync()
    assert again["read"] == again["unchanged"] < issues
    await tracker.rename(7, "Seven")
    await tracker.report("New")
    await tracker.retire(9)
    changed = await copy.sync()
    assert (changed["created"], changed["updated"], changed.get("deleted")) == (1, 1, None)
    assert await copy.shards() == {**await tracker.content(), "9": {"title": "Issue 8", "status": "unread"}}
    await copy.sync(mode="full")
    assert await copy.sync(mode="full") == {"read": issues, "unchanged": issues, "deleted": 1}
    assert await copy.shards() == await tracker.content()
    report = await report_of(tracker.connection, capsys)
    assert (report["records"], report["repeatedIds"]) == (issues, 0)
