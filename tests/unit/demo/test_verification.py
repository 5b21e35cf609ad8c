from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from demo.errors import DemoError
from demo.mapping import expected_shard
from demo.verification import check_counts, verify

AIRPORT = {
    "icao": "_AYM",
    "iata": "",
    "lid": "",
    "name": " Abu Dhabi Yas ",
    "city": "",
    "subd": "Abu Dhabi",
    "country": "AE",
    "lat": 24.5,
    "lon": 54.5,
    "elevation": 0.0,
    "tz": "Asia/Dubai",
}
RECORDS = [{**AIRPORT, "id": f"airport-{number}", "last_modified": number} for number in range(5)]


def _shards(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"source": {"externalId": record["id"]}, "data": expected_shard(record)} for record in records]


async def _each(items: Sequence[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    for item in items:
        yield item


def test_expected_shard() -> None:
    """Texts are trimmed, empty ones left out, numbers kept as they are, zero included."""
    assert expected_shard(AIRPORT) == {
        "icao": "_AYM",
        "name": "Abu Dhabi Yas",
        "place": {"subdivision": "Abu Dhabi", "country": "AE", "latitude": 24.5, "longitude": 54.5},
        "elevationFeet": 0.0,
        "timeZone": "Asia/Dubai",
    }


async def test_equal() -> None:
    """Equal ends are counted, and progress hears of every shard."""
    heard: list[int] = []
    assert await verify(_each(RECORDS), _each(_shards(RECORDS)), heard.append) == 5
    assert sum(heard) == 5


@pytest.mark.parametrize(
    ("records", "shards"),
    [
        (RECORDS, _shards(RECORDS)[1:]),
        (RECORDS[1:], _shards(RECORDS)),
        (RECORDS, _shards([{**RECORDS[0], "name": "Other"}, *RECORDS[1:]])),
    ],
    ids=["missing", "left over", "different"],
)
async def test_difference(records: list[dict[str, Any]], shards: list[dict[str, Any]]) -> None:
    """A shard that is missing, left over or different fails the comparison and is named."""
    with pytest.raises(DemoError, match=r"differs from the server's in 1 records:\n  airport-0: "):
        await verify(_each(records), _each(shards), lambda _: None)


def test_counts() -> None:
    """Counts that are not what must have happened fail the demonstration."""
    check_counts("second", {"updated": 3, "deleted": 2, "read": 9}, updated=3, deleted=2)
    with pytest.raises(DemoError, match="The second sync should have counted"):
        check_counts("second", {"updated": 3, "deleted": 2}, updated=3, deleted=3)
