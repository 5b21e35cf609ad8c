"""A provider whose comments can only be asked for post by post."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

REST: dict[str, Any] = {
    "baseUrl": "{serverUrl}",
    "entities": {
        "post": {
            "list": {"path": "/posts"},
            "id": "id",
            "deleted": "gone",
            "page": {"parameter": "limit", "max": 100},
            "pagination": {"kind": "offset", "parameter": "skip", "end": {"shortPage": True}},
            "increment": {"parameter": "since", "field": "at", "type": "integer", "unit": "seconds"},
        },
        "thing": {
            "list": {"path": "/posts/{parent.id}/comments", "query": {"by": "{parent.author.name}"}},
            "id": "id",
            "parent": {"entity": "post", "idIncludesParent": True},
            "page": {"parameter": "limit", "max": 100},
            "pagination": {"kind": "offset", "parameter": "skip", "end": {"shortPage": True}},
            "increment": {"parameter": "since", "field": "at", "type": "integer", "unit": "seconds"},
        },
    },
}
SENT_AT = "Thu, 01 Jan 2026 00:00:00 GMT"
SENT_AT_SECONDS = 1_767_225_600


def post(key: str, at: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": key, "at": at, "author": {"name": f"author of {key}"}, **more}


class Blog:
    """Answers from `posts`, and from `comments` by their post; posts in `vanished` are listed, and not there.

    `largest` is the most posts that it puts on a page.
    """

    def __init__(self, comments: dict[str, list[dict[str, Any]]]) -> None:
        self.posts = [post(key) for key in comments]
        self.comments = comments
        self.vanished: set[str] = set()
        self.largest = 100
        self.sent_at = SENT_AT

    async def answer(self, request: web.Request) -> web.Response:
        parts = request.path.strip("/").split("/")
        if len(parts) == 1:
            return self._page(request, self.posts, self.largest)
        if parts[1] in self.vanished or request.query["by"] != f"author of {parts[1]}":
            return web.Response(status=404)
        return self._page(request, self.comments[parts[1]], 100)

    def _page(self, request: web.Request, items: list[dict[str, Any]], largest: int) -> web.Response:
        since, skip = int(request.query.get("since", "-1")), int(request.query.get("skip", "0"))
        limit = min(int(request.query.get("limit", "1000000")), largest)
        changed = [item for item in items if item["at"] > since]
        body = orjson.dumps(changed[skip : skip + limit])
        return web.Response(body=body, headers={"Date": self.sent_at}, content_type="application/json")
