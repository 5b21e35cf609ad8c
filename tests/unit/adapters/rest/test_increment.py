"""Asking only for what changed, without losing what has the same stamp or comes late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.registry import AdapterRegistry
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.increment import Increment
from shared.adapters.rest.watermarks import WatermarkReader
from shared.domain.errors import ProviderContractError
from shared.ports.adapter import Adapter
from tests.fakes.clock import FakeClock
from tests.fakes.provider_server import ProviderServer
from tests.unit.adapters.rest.reading import answer, ask, failure, ids, open_adapter, read_all, rest_of

CURSOR = {"kind": "cursor", "bodyPath": "next", "parameter": "c"}


def changing(
    registry: AdapterRegistry, server: ProviderServer, increment: dict[str, Any], **entity: Any
) -> Adapter:
    rest = rest_of({"records": "items", "pagination": CURSOR, "increment": increment, **entity})
    return open_adapter(registry, server.url, rest)


@pytest.mark.parametrize(
    ("increment", "watermark", "sent"),
    [
        ({"type": "integer"}, 100, "99"),
        ({"type": "integer", "inclusive": True}, 100, "100"),
        ({"type": "integer", "unit": "seconds", "lookBackSeconds": 30, "inclusive": True}, 100, "70"),
        ({"type": "integer", "unit": "milliseconds", "lookBackSeconds": 3}, 10_000, "6999"),
        ({"type": "integer", "unit": "seconds", "lookBackSeconds": 30}, 10, "0"),
        ({"type": "integer", "initial": 5}, 5, "5"),
        ({"type": "text", "inclusive": True}, "2026-01-01", "2026-01-01"),
        ({"type": "text", "inclusive": True, "quoted": True}, "v1", "%22v1%22"),
        (
            {"type": "integer", "inclusive": True, "template": 'at >= {watermark} and a = "b"'},
            100,
            "at%20%3E%3D%20100%20and%20a%20%3D%20%22b%22",
        ),
        ({"type": "dateTime"}, "2026-01-31T12:00:00.500000Z", "2026-01-31T12%3A00%3A00.499Z"),
        (
            {"type": "dateTime", "inclusive": True},
            "2026-01-31T12:00:00.500900Z",
            "2026-01-31T12%3A00%3A00.500Z",
        ),
        (
            {"type": "dateTime", "format": "%Y-%m-%d %H:%M:%S", "lookBackSeconds": 3600},
            "2026-01-31T12:00:00.500000Z",
            "2026-01-31%2010%3A59%3A59",
        ),
        ({"type": "dateTime", "format": "%Y/%m/%d"}, "2026-03-01T12:00:00.000000Z", "2026%2F02%2F28"),
        (
            {"type": "dateTime", "format": "%d.%m.%Y %H:%M", "inclusive": True},
            "2026-03-01T12:00:59.000000Z",
            "01.03.2026%2012%3A00",
        ),
    ],
)
async def test_run_begins_before_the_watermark(
    server: ProviderServer,
    registry: AdapterRegistry,
    increment: dict[str, Any],
    watermark: str | int,
    sent: str,
) -> None:
    """By the look-back, and by one unit where the API leaves out equal values; never below `initial` or 0."""
    server.faults.append(answer({"items": []}))
    adapter = changing(registry, server, {"parameter": "since", "field": "at", **increment})
    await adapter.fetch_page(ask(watermark=watermark))
    assert server.targets == [f"/all?since={sent}"]


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.timezones()),  # noqa: DTZ001 - bounds take none
    st.integers(0, 3600),
)
def test_record_at_the_watermark_is_always_asked_for(moment: datetime, look_back: int) -> None:
    """Whatever zone a stamp is written in, the value sent is before it by the look-back, and little more."""
    increment = {"parameter": "since", "field": "at", "type": "dateTime", "lookBackSeconds": look_back}
    reader = WatermarkReader(Increment.model_validate(increment))
    draft = Draft()
    reader.apply(reader.parse(moment.isoformat()), draft)
    distance = moment - datetime.fromisoformat(str(draft.query["since"]))
    assert timedelta(0) < distance - timedelta(seconds=look_back) <= timedelta(milliseconds=2)


async def test_highest_time_is_the_watermark_whatever_its_zone(
    server: ProviderServer, registry: AdapterRegistry, clock: FakeClock
) -> None:
    """Times are compared as moments; without a zone they are UTC, and other notations follow `format`."""
    clock.advance(40 * 86_400)
    stamps = ["2026-01-31T12:00:00+02:00", "2026-01-31T11:00:00Z", "2026-01-31T10:30:00", "31.01.2026 11:30"]
    server.faults.append(answer({"items": [{"id": i, "at": at} for i, at in enumerate(stamps)]}))
    increment = {"parameter": "since", "field": "at", "type": "dateTime", "format": "%d.%m.%Y %H:%M"}
    page = await changing(registry, server, increment).fetch_page(ask())
    assert page.watermark == "2026-01-31T11:30:00.000000Z"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("dateTime", "yesterday"),
        ("dateTime", 17),
        ("dateTime", "0001-01-01T00:00:00+02:00"),
        ("integer", "17"),
        ("integer", True),
        ("text", 17),
    ],
)
async def test_value_of_another_type_is_refused(
    server: ProviderServer, registry: AdapterRegistry, kind: str, value: Any
) -> None:
    """A field that can't be compared is no increment: the record is put aside, and moves no watermark."""
    server.faults.append(answer({"items": [{"id": 1, "at": value}]}))
    increment = {"parameter": "since", "field": "at", "type": kind, "inclusive": True}
    adapter = changing(registry, server, increment)
    page = await adapter.fetch_page(ask())
    (record,) = page.records
    assert record.rejection is not None
    assert (record.rejection.code, page.watermark) == ("invalid_increment", None)


@pytest.mark.parametrize(
    ("kind", "watermark"), [("integer", "2026-01-01"), ("dateTime", "v17"), ("dateTime", 17)]
)
async def test_watermark_of_another_type_is_refused(
    server: ProviderServer, registry: AdapterRegistry, kind: str, watermark: str | int
) -> None:
    """A change of the increment's type between two runs asks for a full one."""
    adapter = changing(registry, server, {"parameter": "since", "field": "at", "type": kind})
    error = await failure(adapter, ask(watermark=watermark))
    assert type(error) is ProviderContractError
    assert "start a new sync, in full" in str(error)
    assert server.requests == []


async def test_filter_of_ours_leaves_out_what_is_older(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """An API without a filter is read in full; equal values, the look-back and records without value stay."""
    items = [{"id": i, "at": at} for i, at in enumerate([100, 69, 70, None, 131])]
    increment = {
        "field": "at",
        "type": "integer",
        "unit": "seconds",
        "lookBackSeconds": 30,
        "clientSideFilter": True,
    }
    server.faults.extend([answer({"items": items})] * 2)
    adapter = changing(registry, server, increment)
    page = await adapter.fetch_page(ask(watermark=100))
    assert ids([page]) == ["0", "2", "3", "4"]
    assert page.watermark == 131
    assert ids([await adapter.fetch_page(ask())]) == ["0", "1", "2", "3", "4"]
    assert server.targets == ["/all", "/all"]


async def test_page_that_is_all_too_old_is_not_the_end(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """What is left out here still counts as read: offsets go on until the API has no more."""
    pages: list[list[dict[str, Any]]] = [[{"id": 1, "at": 1}], [{"id": 2, "at": 9}], []]
    server.faults.extend([answer({"items": items}) for items in pages])
    increment = {"field": "at", "type": "integer", "clientSideFilter": True}
    adapter = changing(registry, server, increment, pagination={"kind": "offset", "parameter": "p"})
    assert ids(await read_all(adapter, ask(watermark=5))) == ["2"]


async def test_opaque_token_comes_from_the_last_page(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Only with the last page is everything up to the token read."""
    server.faults.extend(
        [
            answer({"items": [{"id": 1}], "next": "b", "delta": "early"}),
            answer({"items": [{"id": 2}], "delta": "d/2"}),
            answer({"items": [], "delta": "d3"}),
        ]
    )
    adapter = changing(registry, server, {"parameter": "delta", "token": {"bodyPath": "delta"}})
    assert [page.watermark for page in await read_all(adapter, ask())] == [None, "d/2"]
    assert (await adapter.fetch_page(ask(watermark="d/2"))).watermark == "d3"
    assert server.targets == ["/all", "/all?c=b", "/all?delta=d%2F2"]


async def test_feed_is_read_on_from_where_a_page_or_a_run_ended(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """One parameter takes the watermark at first, and the cursor on later pages."""
    server.faults += [
        answer({"items": [{"id": "a"}], "last": 4}),
        answer({"items": [], "last": 4}),
    ]
    feed = {**CURSOR, "bodyPath": "last", "parameter": "since", "end": {"emptyPage": True}}
    increment = {"parameter": "since", "token": {"bodyPath": "last"}}
    adapter = changing(registry, server, increment, pagination=feed)
    first = await adapter.fetch_page(ask(watermark=3))
    last = await adapter.fetch_page(ask(watermark=3, position=first.next_position))
    assert server.targets == ["/all?since=3", "/all?since=4"]
    assert (first.watermark, last.next_position, last.watermark) == (None, None, 4)


async def test_opaque_token_in_a_header(server: ProviderServer, registry: AdapterRegistry) -> None:
    """A token may come in a header."""
    server.faults.append(answer({"items": []}, X_Delta="d1"))
    adapter = changing(registry, server, {"parameter": "delta", "token": {"header": "X-Delta"}})
    assert (await adapter.fetch_page(ask())).watermark == "d1"


@pytest.mark.parametrize("told", [{}, {"delta": ""}, {"delta": None}, {"delta": 1.5}, {"delta": True}])
async def test_last_page_without_its_token_is_refused(
    server: ProviderServer, registry: AdapterRegistry, told: dict[str, Any]
) -> None:
    """Without a token every run would silently begin at the same place."""
    server.faults.append(answer({"items": [], **told}))
    adapter = changing(registry, server, {"parameter": "delta", "token": {"bodyPath": "delta"}})
    assert "is the last page and has no text or whole number at `delta`" in str(await failure(adapter))


async def test_changes_may_have_their_own_request(server: ProviderServer, registry: AdapterRegistry) -> None:
    """A full run lists everything; an incremental one asks the API's history, which looks different."""
    adapter = changing(
        registry,
        server,
        {"parameter": "startHistoryId", "token": {"bodyPath": "historyId"}},
        changes={
            "list": {"path": "/history", "query": {"types": "added"}},
            "records": {"jmespath": "history[].messages[] || `[]`"},
        },
    )
    server.faults.extend(
        [
            answer({"items": [{"id": "m1"}], "historyId": "7"}),
            answer({"history": [{"messages": [{"id": "m2"}, {"id": "m3"}]}], "next": "n"}),
            answer({"historyId": "9"}),
        ]
    )
    assert (await adapter.fetch_page(ask())).watermark == "7"
    changed = await read_all(adapter, ask(watermark="7"))
    assert ids(changed) == ["m2", "m3"]
    assert changed[-1].watermark == "9"
    assert server.targets == [
        "/all",
        "/history?types=added&startHistoryId=7",
        "/history?types=added&startHistoryId=7&c=n",
    ]
