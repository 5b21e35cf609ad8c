from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosBatchOperationError,
    CosmosHttpResponseError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)

from tests.doubles.cosmos import CosmosDouble
from tests.fakes.clock import START, FakeClock
from tests.unit.doubles.talking import TEAM, ids, item, post_item

Act = Callable[[ContainerProxy, dict[str, Any]], Awaitable[object]]

CHANGES: dict[str, Act] = {
    "replace": lambda container, guard: container.replace_item("a", item("a", n=2), **guard),
    "upsert": lambda container, guard: container.upsert_item(item("a", n=2), **guard),
    "delete": lambda container, guard: container.delete_item("a", TEAM, **guard),
    "patch": lambda container, guard: container.patch_item(
        "a", TEAM, [{"op": "set", "path": "/n", "value": 2}], **guard
    ),
}


async def test_an_item_is_stored_with_its_system_fields(container: ContainerProxy) -> None:
    """What is created is read back as it was, with the service's own fields."""
    created = await container.create_item(item("a", text="Zoë/Ω", nested={"deep": [1, None, True]}))

    read = await container.read_item("a", TEAM)

    assert read == created
    own = {"_rid", "_self", "_etag", "_attachments", "_ts"}
    assert read.keys() - own == {"id", "tenantId", "kind", "text", "nested"}
    assert (read["text"], read["nested"]) == ("Zoë/Ω", {"deep": [1, None, True]})
    assert read["_ts"] == START.timestamp()


async def test_an_id_names_one_item_of_a_partition(container: ContainerProxy) -> None:
    """Creating an id again in its partition answers 409; another partition may use it."""
    await container.create_item(item("a"))

    with pytest.raises(CosmosResourceExistsError):
        await container.create_item(item("a"))
    await container.create_item(item("a") | {"kind": "person"})

    assert (await container.read_item("a", ["t1", "person"]))["kind"] == "person"


@pytest.mark.parametrize("act", [name for name in CHANGES if name != "upsert"])
async def test_what_is_not_there_can_not_be_changed(container: ContainerProxy, act: str) -> None:
    """Replacing, patching and deleting a missing item answer 404."""
    with pytest.raises(CosmosResourceNotFoundError):
        await CHANGES[act](container, {})


async def test_every_write_gives_a_new_etag(container: ContainerProxy) -> None:
    """An item's ETag changes with each version, and its place in the container stays."""
    versions = [
        await container.create_item(item("a")),
        await container.upsert_item(item("a")),
        await container.replace_item("a", item("a")),
        await container.patch_item("a", TEAM, [{"op": "add", "path": "/n", "value": 1}]),
    ]

    assert len({version["_etag"] for version in versions}) == 4
    assert len({version["_rid"] for version in versions}) == 1


@pytest.mark.parametrize("act", CHANGES)
async def test_a_change_can_ask_for_the_version_that_it_knows(container: ContainerProxy, act: str) -> None:
    """With If-Match, a change to another version answers 412, and one to this version is made."""
    first = await container.create_item(item("a", n=0))
    second = await container.replace_item("a", item("a", n=1))

    def guard(version: dict[str, Any]) -> dict[str, Any]:
        return {"etag": version["_etag"], "match_condition": MatchConditions.IfNotModified}

    with pytest.raises(CosmosAccessConditionFailedError):
        await CHANGES[act](container, guard(first))
    assert (await container.read_item("a", TEAM))["n"] == 1

    await CHANGES[act](container, guard(second))
    assert (
        await ids(
            container.query_items(
                "SELECT * FROM c WHERE c.n = @n", parameters=[{"name": "@n", "value": 1}], partition_key=TEAM
            )
        )
        == []
    )


async def test_an_upsert_of_a_missing_item_does_not_look_at_its_condition(container: ContainerProxy) -> None:
    """If-Match on an upsert creates what is missing, as the service does."""
    await container.upsert_item(item("a"), etag='"gone"', match_condition=MatchConditions.IfNotModified)

    assert (await container.read_item("a", TEAM))["id"] == "a"


async def test_an_item_that_is_known_is_not_sent_again(
    cosmos: CosmosDouble, container: ContainerProxy
) -> None:
    """With If-None-Match, reading the version that the client has answers 304."""
    known = await container.create_item(item("a"))

    await container.read_item("a", TEAM, etag=known["_etag"], match_condition=MatchConditions.IfModified)

    assert cosmos.counters.answers["read", 304] == 1


@pytest.mark.parametrize("name", ["a/b", "a\\b", "a?b", "a#b", "", "x" * 1024])
async def test_an_id_keeps_to_the_rules_of_the_service(container: ContainerProxy, name: str) -> None:
    """An id is not empty, has at most 1,023 bytes, and no slash, backslash, question mark or hash."""
    with pytest.raises(CosmosBatchOperationError) as refused:
        await container.execute_item_batch([("create", (item(name),))], TEAM)

    assert refused.value.status_code == 400


@pytest.mark.usefixtures("container")
@pytest.mark.parametrize("key", ['["t1","person"]', '["t1"]', "[]", '["t1","team","x"]', "no json", None])
async def test_the_partition_key_of_a_request_is_that_of_its_item(
    cosmos: CosmosDouble, key: str | None
) -> None:
    """A write whose header doesn't name the item's whole partition answers 400."""
    named = {} if key is None else {"x_ms_documentdb_partitionkey": key}

    assert await post_item(cosmos, item("a"), authorization="any", **named) == 400


@pytest.mark.usefixtures("container")
async def test_items_without_a_field_of_their_key_have_a_partition_of_their_own(cosmos: CosmosDouble) -> None:
    """A missing component is undefined, which is not null."""
    headers = {"authorization": "any", "x_ms_documentdb_partitionkey": '["t1",{}]'}

    assert await post_item(cosmos, {"id": "a", "tenantId": "t1"}, **headers) == 201
    assert await post_item(cosmos, {"id": "a", "tenantId": "t1", "kind": None}, **headers) == 400


@pytest.mark.filterwarnings("ignore:Sending a large body")
async def test_an_item_has_at_most_two_megabytes(container: ContainerProxy) -> None:
    """An item over 2 MB answers 413, one just below it is stored."""
    room = 2 * 1024 * 1024 - 200
    await container.create_item(item("a", text="x" * room))

    with pytest.raises(CosmosHttpResponseError) as refused:
        await container.create_item(item("b", text="x" * (room + 200)))
    assert refused.value.status_code == 413


async def test_items_expire_at_their_time(container: ContainerProxy, clock: FakeClock) -> None:
    """An item with a lifetime is gone from reads, queries and the change feed when it is over."""
    await container.create_item(item("short", ttl=10))
    await container.create_item(item("long"))

    clock.advance(9)
    await container.read_item("short", TEAM)
    clock.advance(1)

    with pytest.raises(CosmosResourceNotFoundError):
        await container.read_item("short", TEAM)
    assert await ids(container.read_all_items()) == ["long"]
    assert await ids(container.query_items_change_feed(start_time="Beginning")) == ["long"]
    await container.create_item(item("short"))


async def test_a_write_begins_the_lifetime_anew(container: ContainerProxy, clock: FakeClock) -> None:
    """The lifetime counts from the last write."""
    await container.create_item(item("a", ttl=10))
    clock.advance(9)
    await container.upsert_item(item("a", ttl=10))
    clock.advance(9)

    assert (await container.read_item("a", TEAM))["ttl"] == 10


@pytest.mark.parametrize("ttl", [0, -2, 1.5, "10", True, None, 2_147_483_648])
async def test_a_lifetime_is_positive_or_for_ever(container: ContainerProxy, ttl: object) -> None:
    """A ttl that is neither -1 nor a number of seconds answers 400."""
    with pytest.raises(CosmosHttpResponseError) as refused:
        await container.create_item(item("a", ttl=ttl))

    assert refused.value.status_code == 400


async def test_a_patch_changes_fields_in_their_order(container: ContainerProxy) -> None:
    """Add, set, replace, remove and incr reach into objects and arrays; the rest stays."""
    await container.create_item(item("a", n=1, old="x", tags=["p"], deep={"keep": 1}))

    patched = await container.patch_item(
        "a",
        TEAM,
        [
            {"op": "incr", "path": "/n", "value": 2},
            {"op": "remove", "path": "/old"},
            {"op": "add", "path": "/tags/-", "value": "q"},
            {"op": "add", "path": "/tags/0", "value": "o"},
            {"op": "set", "path": "/deep/new", "value": True},
        ],
    )

    assert (patched["n"], patched["tags"], patched["deep"]) == (3, ["o", "p", "q"], {"keep": 1, "new": True})
    assert "old" not in patched


@pytest.mark.parametrize("path", ["/kind", "/id", "/missing/deep", "kind"])
async def test_a_patch_keeps_to_its_item(container: ContainerProxy, path: str) -> None:
    """A patch of the id, of the partition key or of a path that isn't there answers 400."""
    await container.create_item(item("a"))

    with pytest.raises(CosmosHttpResponseError) as refused:
        await container.patch_item("a", TEAM, [{"op": "set", "path": path, "value": "b"}])
    assert refused.value.status_code == 400
