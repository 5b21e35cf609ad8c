"""Transform steps: the values that need care."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import RecordRejectedError
from shared.domain.integration import EntityMapping
from shared.domain.mapping import CompiledMapping
from shared.domain.model import rfc3339


def transformed(value: Any, transform: Any) -> Any:
    field = {"externalField": "x", "shardField": "y", "transform": transform}
    mapping = EntityMapping.model_validate({"entity": "e", "shardTypeId": "s", "fields": [field]})
    return CompiledMapping(mapping).apply({"x": value}).get("y")


def epochs(kind: str) -> dict[str, Any]:
    return {"type": "dateTime", "formats": [kind]}


SPLIT = {"type": "split", "separator": ";"}
NORWEGIAN = {"type": "boolean", "trueWords": ["Ja", ""], "falseWords": ["nei"]}


@pytest.mark.parametrize(
    ("transform", "value", "expected"),
    [
        ("number", "9007199254740993", 9007199254740993),
        ("number", "18446744073709551616", 1.8446744073709552e19),
        ("number", " -7 ", -7),
        ({"type": "number", "decimals": 2}, 2.675, 2.68),
        ({"type": "number", "decimals": 2}, "-2.675", -2.68),
        ({"type": "number", "decimals": 0}, "2.5", 3),
        ("boolean", " ", None),
        (NORWEGIAN, "JA", True),
        (NORWEGIAN, " ", True),
        (NORWEGIAN, "Nei", False),
        ("date", "2026-01-31T23:30:00-05:00", "2026-02-01"),
        ("date", " ", None),
        ("dateTime", "2026-01-31", "2026-01-31T00:00:00.000000Z"),
        ("dateTime", "2026-01-31T12:00:00.1234567Z", "2026-01-31T12:00:00.123456Z"),
        ("dateTime", "2026-01-31T12:00:00", "2026-01-31T12:00:00.000000Z"),
        (epochs("epochSeconds"), "1769860800.5", "2026-01-31T12:00:00.500000Z"),
        (epochs("epochMilliseconds"), 1769860800500, "2026-01-31T12:00:00.500000Z"),
        (epochs("%d/%m/%Y %H:%M %z"), "31/01/2026 12:00 +0100", "2026-01-31T11:00:00.000000Z"),
        (SPLIT, " ; ", None),
        (SPLIT, 7, ["7"]),
        ({"type": "join", "separator": "-"}, ["a", None, True], "a-true"),
        ({"type": "join", "separator": "-"}, [], None),
        ({"type": "slice", "end": 2}, [1, 2, 3], [1, 2]),
        ({"type": "truncate", "max": 2}, 123, "12"),
        ({"type": "lookup", "table": {"true": "yes"}}, True, "yes"),
        ({"type": "lookup", "table": {"a": None}}, "a", None),
        ({"type": "lookup", "table": {"a": 1}, "otherwise": None}, "b", None),
    ],
)
def test_a_step_gives(transform: Any, value: Any, expected: Any) -> None:
    """One form for all that means the same; None is no value."""
    result = transformed(value, transform)
    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("transform", "value", "code"),
    [
        ("number", "1_000", "number"),
        ("number", "\u0663", "number"),
        ("number", "1e999", "number"),
        ({"type": "number", "decimals": 2}, "1e300", "number"),
        (NORWEGIAN, "yes", "boolean"),
        ("date", 20260131, "date"),
        ("dateTime", "31.01.2026", "date_time"),
        ("dateTime", "0001-01-01T00:00:00+14:00", "date_time"),
        (epochs("epochSeconds"), 1e300, "date_time"),
        (epochs("%d.%m.%Y"), "31.02.2026", "date_time"),
        (epochs("%d.%m.%Y"), 31, "date_time"),
        (SPLIT, ["a"], "split"),
        ({"type": "join", "separator": "-"}, "a", "join"),
        ({"type": "join", "separator": "-"}, [["a"]], "join"),
        ({"type": "slice"}, {}, "slice"),
        ({"type": "lookup", "table": {"a": 1}}, "b", "lookup"),
        (["text", {"type": "replace", "old": "a", "new": "b"}, "number"], "a", "number"),
    ],
)
def test_a_step_refuses(transform: Any, value: Any, code: str) -> None:
    """The code names the step that could not take the value."""
    with pytest.raises(RecordRejectedError) as caught:
        transformed(value, transform)
    assert caught.value.code == f"transform_{code}"


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds it
def test_moments_are_written_as_everywhere_else(moment: datetime) -> None:
    """Always the same width, so that text order is time order."""
    assert transformed(moment.isoformat(), "dateTime") == rfc3339(moment)
