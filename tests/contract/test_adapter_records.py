"""What every adapter does with single records, where its provider has the requests for it."""

from __future__ import annotations

import pytest

from shared.domain.errors import RecordConflictError, RecordMissingError
from shared.ports.adapter import Adapter, FetchRequest

pytest_plugins = ["tests.contract.adapter_backends"]


async def listed(adapter: Adapter) -> dict[str, bool]:
    """Return what a sync would see: ids, and whether they are tombstones."""
    page = await adapter.fetch_page(FetchRequest("thing", None, None, 100))
    return {record.external_id: record.deleted for record in page.records}


async def test_what_is_made_can_be_got(adapter: Adapter) -> None:
    """The record comes back with its id, its fields and a version."""
    made = await adapter.create("thing", {"n": 1}, "k")
    assert made.external_id
    assert (made.data["n"], made.deleted) == (1, False)
    assert made.version is not None
    assert await adapter.get("thing", made.external_id) == made
    assert await listed(adapter) == {made.external_id: False}


async def test_one_key_makes_one_record(adapter: Adapter) -> None:
    """A create that is repeated with its key answers with what the first one made."""
    first = await adapter.create("thing", {"n": 1}, "k")
    assert await adapter.create("thing", {"n": 1}, "k") == first
    other = await adapter.create("thing", {"n": 1}, "other")
    assert set(await listed(adapter)) == {first.external_id, other.external_id}


async def test_update_writes_only_its_fields(adapter: Adapter) -> None:
    """The others stay, and the version changes."""
    made = await adapter.create("thing", {"n": 1, "colour": "red"}, "k")
    changed = await adapter.update("thing", made.external_id, {"n": 2}, made.version)
    assert (changed.data["n"], changed.data["colour"]) == (2, "red")
    assert changed.version != made.version
    assert await adapter.get("thing", made.external_id) == changed


async def test_write_for_an_old_version_is_a_conflict(adapter: Adapter) -> None:
    """Nothing is written; who names no version writes over any."""
    made = await adapter.create("thing", {"n": 1}, "k")
    await adapter.update("thing", made.external_id, {"n": 2}, None)
    with pytest.raises(RecordConflictError):
        await adapter.update("thing", made.external_id, {"n": 3}, made.version)
    with pytest.raises(RecordConflictError):
        await adapter.delete("thing", made.external_id, made.version)
    current = await adapter.get("thing", made.external_id)
    assert current is not None
    assert current.data["n"] == 2


async def test_deleted_record_is_gone(adapter: Adapter) -> None:
    """It is not found, leaves a tombstone, can't be updated, and deleting it again does no harm."""
    made = await adapter.create("thing", {"n": 1}, "k")
    await adapter.delete("thing", made.external_id, made.version)
    await adapter.delete("thing", made.external_id, None)
    assert await adapter.get("thing", made.external_id) is None
    with pytest.raises(RecordMissingError):
        await adapter.update("thing", made.external_id, {"n": 2}, None)
    assert await listed(adapter) == {made.external_id: True}


async def test_search_finds_living_records_up_to_the_limit(adapter: Adapter) -> None:
    """Deleted ones are not found."""
    made = [
        await adapter.create("thing", {"name": name}, f"k-{name}") for name in ("apple", "pear", "apples")
    ]
    await adapter.delete("thing", made[1].external_id, None)
    found = await adapter.search("thing", "apple", 10)
    assert [record.external_id for record in found] == [made[0].external_id, made[2].external_id]
    assert len(await adapter.search("thing", "apple", 1)) == 1
    assert await adapter.search("thing", "pear", 10) == []


async def test_operations_are_told(adapter: Adapter) -> None:
    """Both have all of them."""
    assert adapter.operations("thing") == {"get", "create", "update", "delete", "search"}
