"""Single records of the shipped Kinto document, on a real Kinto server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import RecordConflictError, RecordMissingError
from shared.ports.adapter import Adapter, FetchRequest
from tests.fakes.clock import FakeClock
from tests.integration.kinto_server import KintoCollection, KintoServer, kinto_collection
from tests.integration.test_kinto_adapter import BUCKET, open_adapter


@pytest.fixture
def name() -> str:
    return uuid4().hex


@pytest.fixture
async def collection(kinto: KintoServer, name: str) -> AsyncIterator[KintoCollection]:
    async with kinto_collection(kinto.url, BUCKET, name) as opened:
        yield opened


@pytest.fixture
async def adapter(kinto: KintoServer, name: str) -> AsyncIterator[Adapter]:
    registry = AdapterRegistry(FakeClock(), allow_private_addresses=True)
    yield open_adapter(registry, kinto.url, name)
    await registry.close()


async def test_record_is_made_found_changed_and_deleted(
    adapter: Adapter, collection: KintoCollection
) -> None:
    """What the adapter writes is what the server has, and each write tells the next version."""
    made = await adapter.create("record", {"n": 1, "colour": "réd"}, "key")
    assert (await collection.all())[made.external_id] == made.data
    assert await adapter.get("record", made.external_id) == made
    changed = await adapter.update("record", made.external_id, {"n": 2}, made.version)
    assert changed.data["n"] == 2
    assert changed.data["colour"] == "réd"
    assert changed.version == changed.data["last_modified"] != made.version
    await adapter.delete("record", made.external_id, changed.version)
    assert await collection.all() == {}
    assert await adapter.get("record", made.external_id) is None
    await adapter.delete("record", made.external_id, None)


async def test_write_for_an_old_version_is_a_conflict(adapter: Adapter, collection: KintoCollection) -> None:
    """What somebody else has written since stays; without a version, it is written over."""
    made = await adapter.create("record", {"n": 1}, "key")
    await collection.patch({made.external_id: {"n": 2}})
    with pytest.raises(RecordConflictError):
        await adapter.update("record", made.external_id, {"n": 3}, made.version)
    with pytest.raises(RecordConflictError):
        await adapter.delete("record", made.external_id, made.version)
    assert (await collection.all())[made.external_id]["n"] == 2
    await adapter.update("record", made.external_id, {"n": 3}, None)
    assert (await collection.all())[made.external_id]["n"] == 3


async def test_record_that_is_gone_cannot_be_changed(adapter: Adapter, collection: KintoCollection) -> None:
    """Kinto would make it anew by another method; the adapter says that it is missing."""
    made = await adapter.create("record", {"n": 1}, "key")
    await collection.delete([made.external_id])
    with pytest.raises(RecordMissingError):
        await adapter.update("record", made.external_id, {"n": 2}, made.version)


async def test_list_tells_the_version_that_a_write_needs(
    adapter: Adapter, collection: KintoCollection
) -> None:
    """A record that a sync has read can be written without asking for it again."""
    await collection.put([{"id": "a", "n": 1}])
    (listed,) = (await adapter.fetch_page(FetchRequest("record", None, None, 10))).records
    changed = await adapter.update("record", "a", {"n": 2}, listed.version)
    assert changed.version != listed.version


async def test_operations_are_those_of_the_document(adapter: Adapter) -> None:
    """Kinto has no search over all fields."""
    assert adapter.operations("record") == {"get", "create", "update", "delete"}
