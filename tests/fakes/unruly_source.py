"""A provider on this machine that does what providers should not: its clock jumps, its pages shift while they
are read, its cursor repeats. What it does is drawn from a seed.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
from aiohttp import web

PAGE = 10
_CURSOR = {"kind": "cursor", "bodyPath": "next", "parameter": "cursor"}
_OFFSET = {"kind": "offset", "parameter": "skip"}
_PAGES = {"kind": "pageNumber", "parameter": "page"}
PAGINATIONS = {"cursor": _CURSOR, "offset": _OFFSET, "pages": _PAGES}

Record = dict[str, Any]


def document(pagination: str, **entity: Any) -> dict[str, Any]:
    """Return the provider's document; `entity` is more of its entity."""
    person = {
        "list": {"path": "/people"},
        "records": "items",
        "id": "id",
        "modified": "changed",
        "page": {"parameter": "limit", "max": PAGE},
        "pagination": PAGINATIONS[pagination],
        "increment": {"parameter": "since", "field": "changed", "type": "integer", "unit": "milliseconds"},
        **entity,
    }
    return {
        "id": "unruly",
        "category": "test",
        "displayName": "Unruly",
        "settings": {"serverUrl": {"kind": "url"}},
        "rest": {"baseUrl": "{serverUrl}", "entities": {"person": person}},
    }


class UnrulySource:
    """People in a list, in the order of their last change or of their (random) ids.

    Attributes:
        jump_seconds: By how much its clock is wrong; `Date` and the stamps of changes come from it.
        moves: Before so many of the next requests for a further page some records are changed, put in or
            deleted.
        circle_after: The page after so many leads back to the first, while it is set.
        keeps_tombstones: Whether deleted people stay in the list, as such.
    """

    def __init__(self, seed: int, *, by_change: bool = False, keeps_tombstones: bool = False) -> None:
        self.random = random.Random(seed)
        self.people: dict[str, Record] = {}
        self.jump_seconds = 0
        self.moves = 0
        self.circle_after: int | None = None
        self.keeps_tombstones = keeps_tombstones
        self.url = ""
        self._by_change = by_change

    @property
    def living(self) -> dict[str, Record]:
        """Everybody who is there, as a shard is to have them."""
        return {key: each for key, each in self.people.items() if not each["gone"]}

    @property
    def now(self) -> datetime:
        """The time by its own clock."""
        return datetime.now(UTC) + timedelta(seconds=self.jump_seconds)

    def add(self, count: int = 1) -> None:
        for _ in range(count):
            key = f"p{self.random.getrandbits(64):016x}"
            self._write(key, f"name {self.random.randrange(1000)}", gone=False)

    def change(self, count: int = 1) -> None:
        for key in self._some(count):
            self._write(key, f"name {self.random.randrange(1000, 1_000_000)}", gone=False)

    def delete(self, count: int = 1) -> None:
        for key in self._some(count):
            if self.keeps_tombstones:
                self._write(key, None, gone=True)
            else:
                del self.people[key]

    def live_on(self) -> None:
        """Change, put in and delete some records, in any order."""
        deeds = [self.add, self.change, self.delete]
        for _ in range(self.random.randint(1, 4)):
            self.random.choice(deeds)(self.random.randint(1, 4))

    async def answer(self, request: web.Request) -> web.Response:
        query = request.query
        is_first = not {"cursor", "skip", "page"} & query.keys()
        if not is_first and self.moves:
            self.moves -= 1
            self.live_on()
        body = self._page(self._listed(int(query.get("since", "-1"))), dict(query))
        date = format_datetime(self.now, usegmt=True)
        return web.Response(body=orjson.dumps(body), headers={"Date": date}, content_type="application/json")

    def _page(self, listed: list[Record], query: dict[str, str]) -> dict[str, Any]:
        limit = int(query["limit"])
        if "skip" in query or "page" in query:
            start = int(query["skip"]) if "skip" in query else (int(query["page"]) - 1) * limit
            return {"items": listed[start : start + limit]}
        after, _, number = query.get("cursor", "~0").partition("~")
        rest = [each for each in listed if each["id"] > after]
        items = rest[:limit]
        following = f"{items[-1]['id']}~{int(number) + 1}" if len(rest) > limit else None
        if self.circle_after is not None and following and int(number) + 1 >= self.circle_after:
            following = f"{listed[0]['id']}~1"
        return {"items": items, "next": following}

    def _listed(self, since: int) -> list[Record]:
        found = [each for each in self.people.values() if each["changed"] > since]
        return sorted(
            found, key=lambda each: (each["changed"], each["id"]) if self._by_change else each["id"]
        )

    def _some(self, count: int) -> list[str]:
        present = sorted(self.living)
        return self.random.sample(present, min(count, len(present)))

    def _write(self, key: str, name: str | None, *, gone: bool) -> None:
        number = self.people[key]["number"] + 1 if key in self.people else 1
        changed = int(self.now.timestamp() * 1000)
        self.people[key] = {"id": key, "name": name, "number": number, "changed": changed, "gone": gone}


@asynccontextmanager
async def serving(source: UnrulySource) -> AsyncIterator[UnrulySource]:
    """Serve it on a free port of 127.0.0.1."""
    app = web.Application()
    app.router.add_get("/people", source.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    source.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield source
    finally:
        await runner.cleanup()
