"""The shipped Kinto document against a real Kinto server: nothing lost, nothing twice without reason."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from shared.adapters.catalog.catalog import shipped_providers
from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import ProviderContractError
from shared.domain.integration import Integration
from shared.domain.provider import Provider
from shared.ports.adapter import Adapter, FetchRequest, SourcePage
from tests.fakes.clock import START, FakeClock
from tests.integration.kinto_server import KintoCollection, KintoServer, kinto_collection

BUCKET = "tests"


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


def open_adapter(registry: AdapterRegistry, url: str, collection: str) -> Adapter:
    document = next(document for document in shipped_providers() if document.id == "kinto")
    stamps = {"createdAt": START, "updatedAt": START}
    provider = Provider.model_validate({**document.model_dump(), **stamps})
    integration = Integration.model_validate(
        {
            **stamps,
            "id": "i1",
            "tenantId": "acme",
            "name": "Kinto",
            "providerId": "kinto",
            "providerCategory": document.category,
            "settings": {"serverUrl": url, "bucket": BUCKET, "collection": collection},
        }
    )
    return registry.open(provider, integration)


class Copy:
    """What a sync keeps: the records by id, and the watermark."""

    def __init__(self, adapter: Adapter, page_size: int) -> None:
        self._adapter = adapter
        self._page_size = page_size
        self.records: dict[str, Mapping[str, Any]] = {}
        self.watermark: str | int | None = None

    async def pages(self) -> AsyncIterator[SourcePage]:
        """Read one run, page by page; the watermark moves when the run has reached its end."""
        position: Mapping[str, Any] | None = None
        reached = self.watermark
        while True:
            request = FetchRequest("record", self.watermark, position, self._page_size)
            page = await self._adapter.fetch_page(request)
            for record in page.records:
                self.records.pop(record.external_id, None)
                if not record.deleted:
                    self.records[record.external_id] = record.data
            reached = reached if page.watermark is None else page.watermark
            yield page
            position = page.next_position
            if position is None:
                self.watermark = reached
                return

    async def sync(self) -> list[SourcePage]:
        return [page async for page in self.pages()]


def numbered(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": f"r{number:04}", "n": number} for number in numbers]


async def test_first_run_reads_everything_in_pages(adapter: Adapter, collection: KintoCollection) -> None:
    """Every record comes once, in pages of the size asked for."""
    await collection.put(numbered(*range(25)))
    copy = Copy(adapter, 10)
    pages = await copy.sync()
    assert [len(page.records) for page in pages] == [10, 10, 5]
    assert copy.records == await collection.all()
    assert copy.watermark == max(record["last_modified"] for record in copy.records.values())


async def test_second_run_reads_only_changes_and_deletions(
    adapter: Adapter, collection: KintoCollection
) -> None:
    """Edited, new and deleted records come; of the others only the last, beside which others may be new."""
    await collection.put(numbered(*range(25)))
    copy = Copy(adapter, 10)
    await copy.sync()
    await collection.patch({"r0003": {"n": -3}})
    await collection.delete(["r0004", "r0005"])
    await collection.put(numbered(100))
    changes = [(record.external_id, record.deleted) for page in await copy.sync() for record in page.records]
    assert changes == [
        ("r0024", False),
        ("r0003", False),
        ("r0004", True),
        ("r0005", True),
        ("r0100", False),
    ]
    assert copy.records == await collection.all()
    watermark = copy.watermark
    assert [record.external_id for page in await copy.sync() for record in page.records] == ["r0100"]
    assert copy.watermark == watermark


async def test_only_mapped_fields_come(adapter: Adapter, collection: KintoCollection) -> None:
    """With the id, the time of change and the mark of deletion, and nothing else of the record."""
    await collection.put(
        [{"id": f"r{n}", "name": "a", "notes": "b", "at": {"x": n, "y": n}} for n in range(3)]
    )
    await collection.delete(["r1"])
    fields = frozenset({"name", "at.x"})
    first = await adapter.fetch_page(FetchRequest("record", None, None, 2, fields))
    second = await adapter.fetch_page(FetchRequest("record", None, first.next_position, 2, fields))
    told = {each.external_id: each for each in (*first.records, *second.records)}
    assert {key for key, each in told.items() if each.deleted} == {"r1"}
    assert set(told["r0"].data) == {"id", "last_modified", "name", "at"}
    assert told["r2"].data["at"] == {"x": 2}


async def test_records_of_one_instant_are_not_lost_between_pages(
    adapter: Adapter, collection: KintoCollection
) -> None:
    """Clients may set last_modified: a page may end in the middle of records with the same one."""
    await collection.put([{**record, "last_modified": 1000} for record in numbered(*range(7))])
    await collection.put(numbered(100))
    copy = Copy(adapter, 2)
    await copy.sync()
    assert copy.records == await collection.all()
    assert len(copy.records) == 8


@pytest.mark.parametrize("seed", range(5))
async def test_changes_during_a_run_are_not_lost(
    adapter: Adapter, collection: KintoCollection, seed: int
) -> None:
    """Records edited, deleted, made and made again while pages are read: the run and the next see all."""
    chance = random.Random(seed)
    await collection.put(numbered(*range(40)))
    copy = Copy(adapter, 5)
    edits = 0
    async for _ in copy.pages():
        if edits >= 8:
            continue
        edits += 1
        living = sorted(await collection.all())
        await collection.delete(chance.sample(living, 2))
        await collection.put(numbered(*chance.sample(range(60), 2)))
        await collection.patch({chance.choice(sorted(await collection.all())): {"edit": edits}})
    assert copy.records == await collection.all()
    await copy.sync()
    assert copy.records == await collection.all()


async def test_last_object_of_a_page_may_vanish_before_the_next(
    adapter: Adapter, collection: KintoCollection
) -> None:
    """The server's page token holds values, not a place: what it points at may change or go."""
    await collection.put(numbered(*range(6)))
    copy = Copy(adapter, 2)
    async for page in copy.pages():
        last = page.records[-1]
        if last.external_id == "r0001":
            await collection.delete([last.external_id])
        elif last.external_id == "r0003" and last.data["n"] == 3:
            await collection.patch({last.external_id: {"n": -3}})
    assert copy.records == await collection.all()
    assert "r0001" not in copy.records
    assert copy.records["r0003"]["n"] == -3


async def test_run_goes_on_in_another_process(
    adapter: Adapter, collection: KintoCollection, kinto: KintoServer, name: str
) -> None:
    """A position outlives the adapter and the session that it came from."""
    await collection.put(numbered(*range(6)))
    first = await adapter.fetch_page(FetchRequest("record", None, None, 4))
    registry = AdapterRegistry(FakeClock(), allow_private_addresses=True)
    try:
        revived = open_adapter(registry, kinto.url, name)
        second = await revived.fetch_page(FetchRequest("record", None, first.next_position, 4))
    finally:
        await registry.close()
    assert [record.external_id for record in second.records] == ["r0004", "r0005"]


async def test_collection_that_is_not_there_is_told(kinto: KintoServer) -> None:
    """A wrong setting is a breach of contract that names the place."""
    async with kinto_collection(kinto.url, BUCKET, "another"):  # the bucket is there, and anybody may read it
        pass
    registry = AdapterRegistry(FakeClock(), allow_private_addresses=True)
    try:
        with pytest.raises(ProviderContractError, match="does not exist; check the integration's settings"):
            await open_adapter(registry, kinto.url, uuid4().hex).fetch_page(
                FetchRequest("record", None, None, 1)
            )
    finally:
        await registry.close()
