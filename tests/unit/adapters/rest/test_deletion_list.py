"""Deletions that a list of their own tells."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from shared.adapters.registry import AdapterRegistry
from shared.ports.adapter import Adapter
from tests.fakes.blog import SENT_AT
from tests.fakes.provider_server import ProviderServer
from tests.unit.adapters.rest.reading import answer, ask, ids, open_adapter, read_all, rest_of

BEFORE = "2025-12-31T12:00:00.000000Z"
CURSOR = {"kind": "cursor", "bodyPath": "next", "parameter": "c"}
INCREMENT = {"parameter": "since", "field": "at", "type": "dateTime", "inclusive": True}
DELETIONS: dict[str, Any] = {"list": {"path": "/gone"}, "records": "ids", "id": "key", "pagination": CURSOR}


def deleting(
    registry: AdapterRegistry, server: ProviderServer, deletions: dict[str, Any] | None = None, **entity: Any
) -> Adapter:
    parts = {"records": "items", "pagination": CURSOR, "increment": INCREMENT, "deletions": DELETIONS}
    rest = rest_of({**parts, **({"deletions": deletions} if deletions else {}), **entity})
    return open_adapter(registry, server.url, rest)


def page(*items: dict[str, Any], **more: Any) -> Any:
    return answer({"items": [*items], **more}, Date=SENT_AT)


async def test_full_run_does_not_ask_what_was_deleted(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """There is nothing to delete before the first copy."""
    server.faults.append(page({"id": 1, "at": BEFORE}))
    pages = await read_all(deleting(registry, server), ask())
    assert (ids(pages), pages[-1].watermark) == (["1"], BEFORE)
    assert server.targets == ["/all"]


async def test_incremental_run_goes_on_with_the_deletions(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Asked from the same watermark, page by page, after the last page of the entity."""
    server.faults.extend(
        [
            page({"id": 1, "at": BEFORE}, next="a"),
            page({"id": 2, "at": "2025-12-31T13:00:00Z"}),
            answer({"ids": [{"key": 3}, {"key": 1}], "next": "b"}),
            answer({"ids": [{"key": "x", "at": "2026-06-01T00:00:00Z"}]}),
        ]
    )
    pages = await read_all(deleting(registry, server), ask(watermark=BEFORE))
    told = [(record.external_id, record.deleted) for each in pages for record in each.records]
    assert told == [("1", False), ("2", False), ("3", True), ("1", True), ("x", True)]
    assert [each.watermark for each in pages] == [BEFORE, "2025-12-31T13:00:00.000000Z", None, None]
    since = "since=2025-12-31T12%3A00%3A00.000Z"
    assert server.targets == [f"/all?{since}", f"/all?{since}&c=a", f"/gone?{since}", f"/gone?{since}&c=b"]


async def test_watermark_of_a_full_run_waits_for_deletions_during_it(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """What is deleted after the first page was read must be told by the next run, whatever changed later."""
    server.faults.extend(
        [page({"id": 1, "at": BEFORE}, next="a"), page({"id": 2, "at": "2026-01-01T03:00:00Z"})]
    )
    pages = await read_all(deleting(registry, server), ask())
    assert pages[-1].watermark == "2025-12-31T23:59:30.000000Z"


async def test_watermark_in_the_future_is_left_behind(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """The run begins as much earlier, and ends where it began to read: the next one misses nothing."""
    found = page({"id": 1, "at": "2026-01-01T03:00:00Z"})
    server.faults.extend([page(), found, answer({"ids": []}), answer({"ids": []})])
    pages = await read_all(deleting(registry, server), ask(watermark="2026-01-01T02:00:00.000000Z"))
    assert [each.watermark for each in pages if each.watermark] == ["2025-12-31T23:59:30.000000Z"]
    asked = [target.partition("since=")[::2] for target in server.targets]
    assert asked == [
        ("/all?", "2026-01-01T02%3A00%3A00.000Z"),
        ("/all?", "2026-01-01T00%3A00%3A00.000Z"),
        ("/gone?", "2026-01-01T02%3A00%3A00.000Z"),
        ("/gone?", "2026-01-01T00%3A00%3A00.000Z"),
    ]


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 01 Jan 0001 00:00:00 +1400"])
async def test_our_clock_stands_in_for_a_missing_date(
    server: ProviderServer, registry: AdapterRegistry, date: str
) -> None:
    """A header Date that tells nothing is passed over."""
    server.faults.append(answer({"items": [{"id": 1, "at": "2999-01-01T00:00:00Z"}]}, Date=date))
    pages = await read_all(deleting(registry, server), ask())
    assert str(pages[-1].watermark) < "2999"


@pytest.mark.parametrize(
    ("deletions", "target", "body"),
    [
        (
            {"increment": {"parameter": "start", "format": "%Y-%m-%d"}},
            "/gone?start=2025-12-31",
            b"",
        ),
        (
            {
                "list": {"path": "/gone", "method": "POST"},
                "increment": {"parameter": "range.start", "in": "body"},
                "page": {"parameter": "size", "in": "body", "max": 50},
            },
            "/gone",
            b'{"size":2,"range":{"start":"2025-12-31T12:00:00.000Z"}}',
        ),
    ],
)
async def test_deletion_list_has_parameters_of_its_own(
    server: ProviderServer, registry: AdapterRegistry, deletions: dict[str, Any], target: str, body: bytes
) -> None:
    """What it does not declare is as in the entity's increment."""
    server.faults.extend([page(), answer({"ids": []})])
    adapter = deleting(registry, server, {**DELETIONS, **deletions})
    await read_all(adapter, ask(watermark=BEFORE))
    assert (server.targets[-1], server.bodies[-1]) == (target, body)


async def test_token_is_sent_to_the_deletion_list(server: ProviderServer, registry: AdapterRegistry) -> None:
    """An opaque watermark comes from the entity's last page, and not from the deletions'."""
    server.faults.extend([answer({"items": [], "token": "t2"}), answer({"ids": [{"key": 5}]})])
    increment = {"parameter": "from", "token": {"bodyPath": "token"}}
    pages = await read_all(deleting(registry, server, increment=increment), ask(watermark="t1"))
    assert [each.watermark for each in pages] == ["t2", None]
    assert server.targets == ["/all?from=t1", "/gone?from=t1"]


async def test_position_among_the_deletions_outlives_the_process(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Each page's position is JSON, and another adapter goes on there."""
    server.faults.extend([page(), answer({"ids": [{"key": 1}], "next": 7}), answer({"ids": [{"key": 2}]})])
    found: list[str] = []
    position: Any = None
    for _ in range(3):
        adapter = deleting(registry, server)
        fetched = await adapter.fetch_page(ask(position, watermark=BEFORE))
        found += ids([fetched])
        position = orjson.loads(orjson.dumps(fetched.next_position))
    assert (found, position) == (["1", "2"], None)


async def test_malformed_entry_of_the_list_deletes_nothing(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """It stays what it is: a reason to look, beside the deletions that are told well."""
    server.faults.extend([page(), answer({"ids": [{"kee": 1}, "2", {"key": 3}]})])
    *_, last = await read_all(deleting(registry, server), ask(watermark=BEFORE))
    told = [(each.rejection and each.rejection.code, each.deleted) for each in last.records]
    assert told == [("missing_id", False), ("malformed_record", False), (None, True)]
