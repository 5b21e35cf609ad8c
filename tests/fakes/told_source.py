"""A provider that tells deletions only to those who ask from a watermark, each kind in its own way."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from shared.domain.model import rfc3339
from tests.fakes.clock import FakeClock

_PAGE = 2
_CURSOR = {"kind": "cursor", "bodyPath": "next", "parameter": "c"}
_TIMES = {"parameter": "since", "field": "at", "type": "dateTime"}

KINDS: dict[str, dict[str, Any]] = {
    "list": {
        "increment": _TIMES,
        "deletions": {"list": {"path": "/gone"}, "records": "items", "id": "id", "pagination": _CURSOR},
    },
    "tombstones": {"increment": _TIMES, "deleted": "gone", "deletions": {"sweep": False}},
    "changes": {
        "increment": {"parameter": "from", "token": {"bodyPath": "token"}},
        "changes": {"list": {"path": "/changes"}, "records": "items"},
        "deleted": "gone",
    },
    "link": {
        "pagination": {"kind": "nextUrl", "bodyPath": "url"},
        "increment": {"link": {"bodyPath": "link"}},
        "deleted": "gone",
    },
}
"""Entities by the way in which they are told deletions."""


def entity_of(kind: str, *, sweep: bool = False) -> dict[str, Any]:
    """Describe the entity of a kind; it can be swept besides."""
    parts = KINDS[kind]
    deletions = {**parts.get("deletions", {}), "sweep": sweep}
    return {"records": "items", "pagination": _CURSOR, **parts, "deletions": deletions}


class ToldSource:
    """Living records by their ids, and a log of all changes; every change happens a second after the last.

    Attributes:
        forgets: Whether watermarks are refused with 410.
        refuses: Whether they are refused with 400, as those of another server.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.living: dict[str, dict[str, Any]] = {}
        self.log: list[dict[str, Any]] = []
        self.forgets = False
        self.refuses = False
        self.asked: list[str] = []
        self._clock = clock

    def put(self, *keys: str, name: str = "a name") -> None:
        for key in keys:
            self.living[key] = self._logged({"id": key, "name": name})

    def delete(self, *keys: str) -> None:
        for key in keys:
            del self.living[key]
            self._logged({"id": key, "gone": True})

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        since = request.query.get("since") or request.query.get("from")
        if since is not None and (self.forgets or self.refuses):
            return web.Response(status=410 if self.forgets else 400)
        items = self._items(request.path, since)
        start = int(request.query.get("c", "0"))
        body: dict[str, Any] = {"items": items[start : start + _PAGE]}
        if start + _PAGE < len(items):
            body["next"] = str(start + _PAGE)
            body["url"] = str(request.rel_url.update_query(c=str(start + _PAGE)))
        else:
            body |= {"token": str(len(self.log)), "link": f"/all?from={len(self.log)}"}
        date = self._clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        return web.Response(body=orjson.dumps(body), headers={"Date": date}, content_type="application/json")

    def _items(self, path: str, since: str | None) -> list[dict[str, Any]]:
        if since is None:
            return list(self.living.values())
        changes = self.log[int(since) :] if since.isdigit() else [e for e in self.log if e["at"] > since]
        latest = {each["id"]: each for each in changes}
        return [each for each in latest.values() if path != "/gone" or "gone" in each]

    def _logged(self, change: dict[str, Any]) -> dict[str, Any]:
        self._clock.advance(1)
        self.log.append({**change, "at": rfc3339(self._clock.now())})
        return self.log[-1]
