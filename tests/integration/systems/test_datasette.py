"""Datasette: the URL of the next page in the body, tokens of its own, and deletions that a full run finds."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.systems.installs import python_packages
from tests.integration.systems.scenario import HERE, Connection, connected, report_of
from tests.integration.systems.server import Api, free_port, running
from tests.unit.functions.live_app import LiveApp

SECRET = "for-tests-only"
PACKAGE = "datasette==1.0a41"


class Table:
    """One table, as its users write it."""

    def __init__(self, api: Api, url: str, token: str) -> None:
        self._api = api
        self.connection = Connection(
            HERE / "datasette.yaml",
            "row",
            {"serverUrl": url, "database": "library", "table": "books"},
            {"title": "title", "pages": "pages"},
            {"token": token},
        )

    async def create(self, rows: list[dict[str, Any]]) -> None:
        """Create it, with rows in it."""
        await self._api.call("POST", "/library/-/create", {"table": "books", "pk": "id", "rows": rows})

    async def upsert(self, rows: list[dict[str, Any]]) -> None:
        """Write over rows, or make them."""
        await self._api.call("POST", "/library/books/-/upsert", {"rows": rows})

    async def delete(self, key: str) -> None:
        """Delete a row."""
        await self._api.call("POST", f"/library/books/{key}/-/delete", {})

    async def content(self) -> dict[str, dict[str, Any]]:
        answer = await self._api.call("GET", "/library/-/query.json?sql=select+*+from+books")
        return {row["id"]: {"title": row["title"], "pages": row["pages"]} for row in answer["rows"]}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    program = str(python_packages(PACKAGE) / "datasette")
    url = f"http://127.0.0.1:{(port := free_port())}"
    options = ["--create", "--secret", SECRET, "--root", "--default-deny", "--port", str(port)]
    with running([program, "serve", str(tmp_path / "library.db"), *options], url, tmp_path):
        yield url


@pytest.fixture
def token() -> str:
    command = [str(python_packages(PACKAGE) / "datasette"), "create-token", "root", "--secret", SECRET]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@pytest.fixture
async def table(server: str, token: str) -> AsyncIterator[Table]:
    async with aiohttp.ClientSession(server, headers={"Authorization": f"Bearer {token}"}) as session:
        opened = Table(Api(session), server, token)
        await opened.create([book(number) for number in range(60)])
        for start in range(60, 340, 70):
            await opened.upsert([book(number) for number in range(start, start + 70)])
        yield opened


def book(number: int, minute: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a row; many have the same time, as after an import."""
    updated = f"2026-01-01T{minute:02}:{number // 90:02}:00.000Z"
    return {"id": f"b{number:04}", "updated": updated, "title": f"Bøk {number}", "pages": number, **changes}


async def test_copy_follows_the_table(app: LiveApp, table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    """Changes come at the next run, with the rows of the last minute; deletions with the next full one."""
    copy = await connected(app, table.connection)
    assert await copy.sync() == {"read": 340, "created": 340}
    assert await copy.shards() == await table.content()
    assert await copy.sync() == {"read": 70, "unchanged": 70}
    await table.upsert([book(number, 1, pages=-1) for number in (3, 5, 8)] + [book(500, 1)])
    await table.delete("b0009")
    assert await copy.sync() == {"read": 74, "created": 1, "updated": 3, "unchanged": 70}
    assert sorted(set(await copy.shards()) - set(await table.content())) == ["b0009"]
    assert await copy.sync(mode="full") == {"read": 340, "unchanged": 340, "deleted": 1}
    assert await copy.shards() == await table.content()
    report = await report_of(table.connection, capsys)
    assert (report["records"], report["repeatedIds"]) == (340, 0)
