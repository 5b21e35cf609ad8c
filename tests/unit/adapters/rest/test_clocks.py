"""Providers whose clock jumps: stamps in the future and in the past, and nothing lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.registry import AdapterRegistry
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.increment import Increment
from shared.adapters.rest.run_clock import RunTimes, run_times
from shared.adapters.rest.watermarks import WatermarkReader
from shared.domain.sync import Watermark
from tests.fakes import provider_server as faults
from tests.fakes.clock import START, FakeClock
from tests.fakes.moving_source import response_at
from tests.fakes.provider_server import ProviderServer
from tests.unit.adapters.rest.reading import ask, ids, open_adapter, read_all, rest_of

MINUTE = 60
INCREMENTS: list[dict[str, Any]] = [
    {"type": "dateTime"},
    {"type": "integer", "unit": "milliseconds"},
    {"type": "integer", "unit": "seconds"},
]


def increment(**keys: Any) -> Increment:
    return Increment.model_validate({"parameter": "since", "field": "changed", **keys})


class JumpingSource:
    """A provider that stamps records by a clock of its own, `jump` seconds off, and is read by runs."""

    def __init__(self, increment: Increment) -> None:
        self.clock = FakeClock()
        self.jump = 0
        self.written: dict[str, Watermark] = {}
        self.read: set[str] = set()
        self._reader = WatermarkReader(increment)
        self._watermark: Watermark | None = None

    @property
    def now(self) -> datetime:
        return self.clock.now() + timedelta(seconds=self.jump)

    def write(self) -> None:
        stamp = self._reader.at(self.now)
        assert stamp is not None
        self.written[f"r{len(self.written)}"] = stamp

    def run(self) -> None:
        """Read what changed, as the adapter does: begin anew where the first answer says so, then clamp."""
        answer = response_at(self.clock.now(), Date=format_datetime(self.now, usegmt=True))
        times = run_times(answer, self._reader, self._watermark)
        found = {key: stamp for key, stamp in self.written.items() if self._is_asked_for(stamp, times)}
        self.read |= found.keys()
        highest = max(found.values(), default=None)
        self._watermark = self._watermark if highest is None else times.clamped(highest)

    def _is_asked_for(self, stamp: Watermark, times: RunTimes) -> bool:
        if self._watermark is None:
            return True
        draft = Draft()
        self._reader.apply(self._watermark, draft, times.behind)
        since = str(draft.query["since"])
        if isinstance(stamp, int):
            return stamp > int(since)
        return datetime.fromisoformat(stamp) > datetime.fromisoformat(since)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 120 * MINUTE)),
        st.tuples(st.just("jump"), st.integers(-120, 120).map(lambda minutes: minutes * MINUTE)),
        st.tuples(st.just("write"), st.just(0)),
        st.tuples(st.just("run"), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@given(STEPS, st.sampled_from(INCREMENTS))
def test_jumping_clock_loses_nothing(steps: list[tuple[str, int]], kind: dict[str, Any]) -> None:
    """Ahead and back, as often as it likes; it must only not be put right between a write and its run."""
    source = JumpingSource(increment(**kind))
    lowest = 0
    for name, value in steps:
        match name:
            case "wait":
                source.clock.advance(value)
            case "jump":
                source.jump = min(value, lowest) if lowest < 0 else value
            case "write":
                source.write()
                lowest = min(lowest, source.jump)
            case _:
                source.run()
                lowest = 0
    source.run()
    assert source.written.keys() - source.read == set()


async def test_stamp_in_the_future_is_read_again(server: ProviderServer, registry: AdapterRegistry) -> None:
    """It is stored, but the watermark goes no further than the moment of the run's first answer."""
    items = [{"id": 1, "changed": "2025-12-31T10:00:00Z"}, {"id": 2, "changed": "2026-01-09T10:00:00Z"}]
    server.faults.append(_items(items))
    page = await _opened(server, registry, type="dateTime").fetch_page(ask())
    assert ids([page]) == ["1", "2"]
    assert page.watermark == "2026-01-01T00:00:00.000000Z"


async def test_all_pages_are_held_to_the_first_answer(
    server: ProviderServer, registry: AdapterRegistry, clock: FakeClock
) -> None:
    """What changes meanwhile may belong to a page that was read: the next run asks for it again."""

    async def later(request: web.Request) -> web.StreamResponse:
        clock.advance(3600)
        return await _items([{"id": 2, "changed": 1_767_228_000}])(request)

    server.faults.extend([_items([{"id": 1, "changed": 1_767_225_000}], next="b"), later])
    pages = await read_all(_opened(server, registry, type="integer", unit="seconds"), ask())
    assert [page.watermark for page in pages] == [1_767_225_000, int(START.timestamp())]


async def test_clock_behind_ours_makes_a_run_begin_earlier(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """By as much as it is behind; the first answer is left, and every page asks from the earlier moment."""
    past = "Wed, 31 Dec 2025 23:00:00 GMT"
    items = [{"id": 1, "changed": "2025-12-31T22:59:00Z"}]
    answers = [_items([], Date=past), _items(items, next="b", Date=past), _items([], Date=past)]
    server.faults.extend(answers)
    adapter = _opened(server, registry, type="dateTime", inclusive=True)
    pages = await read_all(adapter, ask(watermark="2025-12-31T23:55:00.000000Z"))
    assert ids(pages) == ["1"]
    assert server.targets == [
        "/all?since=2025-12-31T23%3A55%3A00.000Z",
        "/all?since=2025-12-31T22%3A55%3A00.000Z",
        "/all?since=2025-12-31T22%3A55%3A00.000Z&c=b",
    ]
    assert pages[-1].watermark == "2025-12-31T22:59:00.000000Z"


@pytest.mark.parametrize(
    ("date", "watermark", "expected"),
    [
        ("Thu, 01 Jan 2026 00:00:00 GMT", START, 0),
        ("Wed, 31 Dec 2025 23:59:55 GMT", START, 0),
        ("Wed, 31 Dec 2025 23:59:54 GMT", START, 6),
        ("Thu, 01 Jan 2026 05:00:00 GMT", START, 0),
        ("Thu, 01 Jan 2026 05:00:00 GMT", START + timedelta(hours=1), 3600),
        ("Wed, 31 Dec 2025 23:00:00 GMT", START + timedelta(hours=1), 7200),
        ("", START, 0),
        ("yesterday", START, 0),
        ("Wed, 31 Dec 2025 23:00:00 -0000", START, 3600),
        ("Fri, 01 Jan 0100 00:00:00 GMT", datetime(1970, 1, 1, tzinfo=UTC) + timedelta(1), 1_767_225_600),
    ],
)
def test_run_begins_earlier_by_what_the_clocks_differ(date: str, watermark: datetime, expected: int) -> None:
    """Five seconds are nothing; a watermark in our own future is left behind as well."""
    reader = WatermarkReader(increment(type="dateTime"))
    times = run_times(response_at(START, Date=date), reader, reader.at(watermark))
    assert times.behind == expected


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "text", "inclusive": True},
        {"type": "integer"},
        {"field": None, "token": {"bodyPath": "next"}},
    ],
)
def test_watermark_that_is_no_time_is_left_alone(kind: dict[str, Any]) -> None:
    """Texts, numbers without unit and tokens can't be compared with a clock."""
    watermark = 17 if kind.get("type") == "integer" else "v17"
    response = response_at(START, Date="Wed, 31 Dec 2025 23:00:00 GMT")
    assert run_times(response, WatermarkReader(increment(**kind)), watermark) == RunTimes()


def _opened(server: ProviderServer, registry: AdapterRegistry, **keys: Any) -> Any:
    entity = {
        "records": "items",
        "increment": {"parameter": "since", "field": "changed", **keys},
        "pagination": {"kind": "cursor", "bodyPath": "next", "parameter": "c"},
    }
    return open_adapter(registry, server.url, rest_of(entity))


def _items(items: list[dict[str, Any]], next: str | None = None, **headers: str) -> faults.Fault:  # noqa: A002
    return faults.raw_json(orjson.dumps({"items": items, "next": next}), **headers)
