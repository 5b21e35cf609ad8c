"""`check-provider` tries whatever a document declares for reading, besides the list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from tests.fakes.provider_server import DOCUMENT, ProviderServer, provider_server
from tests.unit.ops.test_check_provider import check, live, written

LISTED: list[dict[str, Any]] = [
    {"id": "gone", "meta": {"changed": 1}, "gone": True},
    {"id": "t2", "meta": {"changed": 2}, "name": "Ann"},
    {"id": "t3", "meta": {"changed": 3}, "name": "Bob"},
]
THING: dict[str, Any] = {
    **DOCUMENT["rest"]["entities"]["thing"],
    "increment": {"parameter": "since", "field": "meta.changed", "type": "integer", "unit": "milliseconds"},
    "get": {"path": "/things/{record.id}"},
    "create": {"path": "/things", "json": {"thing": "{record}"}},
    "update": {"path": "/things/{record.id}", "json": {"thing": "{record}"}},
    "delete": {"path": "/things/{record.id}"},
    "search": {"path": "/search", "query": {"q": "{search.text}"}, "records": "hits"},
    "fields": {"parameter": "fields"},
    "deletions": {"list": {"path": "/deleted"}, "id": "id", "increment": {"parameter": "from"}},
}


class Api:
    """Answers as the document says, but for what a test puts into `other`: by path, a body or a status."""

    def __init__(self) -> None:
        self.things: list[dict[str, Any]] = LISTED
        self.other: dict[str, Any] = {}
        self.unselectable: set[str] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        found = self.other.get(request.path, self._found(request))
        if isinstance(found, int):
            return web.Response(status=found)
        return web.Response(body=orjson.dumps(found), content_type="application/json")

    def _found(self, request: web.Request) -> Any:
        match request.path:
            case "/api/search":
                return {"hits": self.things[1:]}
            case "/api/deleted":
                return [{"id": "t9"}]
            case "/api/things/t2":
                return self.things[1]
        if "fields" not in request.query:
            return {"answer": {"items": self.things}}
        outer = {name.partition(".")[0] for name in request.query["fields"].split(",")} - self.unselectable
        items = [{name: value for name, value in each.items() if name in outer} for each in self.things]
        return {"answer": {"items": items}}


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def server(api: Api) -> AsyncIterator[ProviderServer]:
    async with provider_server() as running:
        running.handler = api.answer
        yield running


def document(**changes: Any) -> dict[str, Any]:
    thing = {key: value for key, value in {**THING, **changes}.items() if value is not None}
    return {**DOCUMENT, "rest": {**DOCUMENT["rest"], "entities": {"thing": thing}}}


async def steps(
    file: str, server: ProviderServer, capsys: pytest.CaptureFixture[str], *, expected: int = 0
) -> dict[str, Any]:
    """Return the report's steps by name."""
    code = await check(*live(file, server, "--json"))
    report = orjson.loads(capsys.readouterr().out)
    assert code == expected, report
    return {step["name"]: step for step in report["entities"][0]["steps"]}


async def test_every_request_for_reading_is_tried_and_none_for_writing(
    tmp_path: Path, server: ProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A listed record that is not deleted, a harmless text, one field, and the deletions since."""
    found = await steps(written(tmp_path, document()), server, capsys)
    assert {name: (step["records"], step["error"], step["skipped"]) for name, step in found.items()} == {
        "get": (1, None, None),
        "search": (2, None, None),
        "fields": (3, None, None),
        "deletions": (1, None, None),
    }
    assert {request.method for request in server.requests} == {"GET"}
    targets = [target.removeprefix("/api") for target in server.targets]
    assert targets[-4:-2] == ["/things/t2", "/search?q=test"]
    assert targets[-2].endswith("fields=gone%2Cid%2Cmeta.changed%2Cname")
    assert targets[-1] == "/deleted?from=2"  # one earlier: the API leaves out what is equal


async def test_people_are_told_each_step(
    tmp_path: Path, server: ProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the list's lines, and without a value of a record."""
    assert await check(*live(written(tmp_path, document()), server)) == 0
    out = capsys.readouterr().out
    begins = [line.split(" records in ")[0] for line in out.splitlines()]
    for line in ("  get         1", "  search      2", "  fields      3", "  deletions   1"):
        assert line in begins
    assert "Ann" not in out


@pytest.mark.parametrize(
    ("path", "answer", "step", "message"),
    [
        ("/api/things/t2", 404, "get", "a record that was listed is not found"),
        ("/api/things/t2", LISTED[2], "get", "another record came"),
        ("/api/things/t2", 403, "get", "/api/things/{record.id} refuses access"),
        ("/api/search", {"results": []}, "search", "has no list of records at `hits`"),
        ("/api/search", 403, "search", "refuses access"),
        ("/api/deleted", 404, "deletions", "does not exist"),
    ],
)
async def test_a_request_that_fails_is_to_be_mended(
    tmp_path: Path,
    api: Api,
    server: ProviderServer,
    capsys: pytest.CaptureFixture[str],
    path: str,
    answer: Any,
    step: str,
    message: str,
) -> None:
    """The step has the reason, and the others are tried all the same."""
    api.other[path] = answer
    found = await steps(written(tmp_path, document()), server, capsys, expected=1)
    assert [name for name, each in found.items() if each["error"]] == [step]
    assert message in found[step]["error"]["message"]


async def test_a_selection_that_brings_something_else_is_to_be_mended(
    tmp_path: Path, api: Api, server: ProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as an API that knows the field by another name there."""
    api.unselectable = {"name"}
    found = await steps(written(tmp_path, document()), server, capsys, expected=1)
    assert found["fields"]["error"]["message"] == ("`name` was asked for and did not come; check `fields`")


async def test_what_can_not_be_tried_says_why(
    tmp_path: Path, api: Api, server: ProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty list shows no id, no field and no watermark; a search needs none."""
    api.things = []
    found = await steps(written(tmp_path, document()), server, capsys)
    assert {name for name, step in found.items() if step["skipped"]} == {"get", "fields", "deletions"}


async def test_what_a_document_does_not_declare_is_no_step(
    tmp_path: Path, server: ProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the list is asked for."""
    nothing = dict.fromkeys(("get", "create", "update", "delete", "search", "fields", "deletions"))
    assert await steps(written(tmp_path, document(**nothing)), server, capsys) == {}
