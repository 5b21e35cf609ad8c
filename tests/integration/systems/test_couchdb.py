"""CouchDB's protocol, by PouchDB Server: a feed of changes with tombstones, in an order that is a secret."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from shared.domain.errors import RecordConflictError
from tests.integration.systems.installs import npm_packages
from tests.integration.systems.scenario import CATALOG, Connection, adapter_of, connected, report_of
from tests.integration.systems.server import Api, free_port, running
from tests.unit.functions.live_app import LiveApp

pytestmark = pytest.mark.node

USER, PASSWORD = "ada", "s3cret+:"


class Database:
    """One database, as its users write it."""

    def __init__(self, api: Api, url: str, name: str) -> None:
        self._api = api
        self._name = name
        self.connection = Connection(
            CATALOG / "couchdb.yaml",
            "document",
            {"serverUrl": url, "database": name},
            {"title": "title", "pages": "pages"},
            {"username": USER, "password": PASSWORD},
        )

    async def create(self) -> None:
        """Create it, for the user only."""
        await self._api.call("PUT", f"/{self._name}")
        await self._api.call("PUT", f"/{self._name}/_security", {"members": {"names": [USER]}})

    async def write(self, *documents: dict[str, Any]) -> None:
        """Create documents, or write over those whose `_rev` they have."""
        answers = await self._api.call("POST", f"/{self._name}/_bulk_docs", {"docs": documents})
        assert all(answer.get("ok") for answer in answers), answers

    async def documents(self) -> dict[str, dict[str, Any]]:
        """Return all living documents by id."""
        answer = await self._api.call("GET", f"/{self._name}/_all_docs?include_docs=true")
        return {row["id"]: row["doc"] for row in answer["rows"]}

    async def content(self) -> dict[str, dict[str, Any]]:
        return {
            key: {"title": each["title"], "pages": each["pages"]}
            for key, each in (await self.documents()).items()
            if not key.startswith("_design/")
        }


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("couchdb")
    url = f"http://127.0.0.1:{(port := free_port())}"
    (folder / "config.json").write_text(json.dumps({"admins": {USER: PASSWORD}}))
    program = str(npm_packages("pouchdb-server@4.2.0") / "pouchdb-server")
    options = ["--in-memory", "--no-stdout-logs", "--host", "127.0.0.1", "--port", str(port)]
    with running([program, *options], url, folder):
        yield url


@pytest.fixture
async def database(server: str) -> AsyncIterator[Database]:
    headers = {"Authorization": aiohttp.encode_basic_auth(USER, PASSWORD)}
    async with aiohttp.ClientSession(server, headers=headers) as session:
        opened = Database(Api(session), server, f"books-{uuid4().hex}")
        await opened.create()
        await opened.write({"_id": "_design/views", "views": {}}, *(book(number) for number in range(350)))
        yield opened


def book(number: int) -> dict[str, Any]:
    return {"_id": f"b/{number:04}", "title": f"Bøk {number}", "pages": number}


async def test_copy_follows_the_database(
    app: LiveApp, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """All documents at first; then only what was written or deleted since, deletions as such."""
    copy = await connected(app, database.connection)
    assert await copy.sync() == {"read": 350, "created": 350}
    assert await copy.shards() == await database.content()
    assert await copy.sync() == {}
    before = await database.documents()
    await database.write(
        *({**before[f"b/{number:04}"], "pages": -1} for number in range(5)),
        *({**before[f"b/{number:04}"], "_deleted": True} for number in range(10, 17)),
        *(book(number) for number in range(400, 403)),
    )
    assert await copy.sync() == {"read": 15, "created": 3, "updated": 5, "deleted": 7}
    assert await copy.shards() == await database.content()
    assert len(await database.content()) == 346
    report = await report_of(database.connection, capsys)
    assert (report["records"], report["deleted"], report["incremental"]["records"]) == (353, 7, 0)


async def test_document_is_made_changed_and_deleted(database: Database) -> None:
    """Each write tells the revision that the next one needs, and one for an old revision is a conflict."""
    async with adapter_of(database.connection) as adapter:
        made = await adapter.create("document", {"title": "Bøk"}, "key")
        assert (await database.documents())[made.external_id]["title"] == "Bøk"
        found = await adapter.get("document", made.external_id)
        assert found is not None
        assert found.version == made.version
        changed = await adapter.update("document", made.external_id, {"title": "New"}, made.version)
        assert (await database.documents())[made.external_id]["_rev"] == changed.version
        with pytest.raises(RecordConflictError):
            await adapter.update("document", made.external_id, {"title": "Newer"}, made.version)
        with pytest.raises(RecordConflictError):
            await adapter.delete("document", made.external_id, made.version)
        await adapter.delete("document", made.external_id, changed.version)
        assert await adapter.get("document", made.external_id) is None
