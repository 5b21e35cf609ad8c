"""Cron expressions: what they accept, and what they do where clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest

from shared.domain.cron import cron_times, require_cron, require_time_zone

BERLIN = "Europe/Berlin"
"""Clocks go from 02:00 to 03:00 on 2026-03-29, and from 03:00 back to 02:00 on 2026-10-25."""


def times(expression: str, after: str, number: int, time_zone: str = BERLIN) -> list[str]:
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    return [f"{due:%m-%d %H:%M}" for due in islice(cron_times(expression, time_zone, start), number)]


@pytest.mark.parametrize(
    "expression",
    ["*/5 * * * *", "0 9-17 * * 1-5", "30 2 1,15 * *", "0 0 * jan-mar MON", "5 4 * * 7", "0 0 29 2 *"],
)
def test_usual_expressions_are_taken(expression: str) -> None:
    """Numbers, names, lists, ranges and steps."""
    require_cron(expression)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("0 * * * * *", "five fields"),
        ("@daily", "five fields"),
        ("R * * * *", "five fields"),
        ("0 0 L * *", "five fields"),
        ("60 * * * *", "out of range"),
        ("0 24 * * *", "out of range"),
        ("0 0 31 2 *", "never|failed to find"),
        ("0 0 * foo *", "not acceptable"),
    ],
)
def test_other_expressions_are_refused(expression: str, message: str) -> None:
    """Also one that never comes due, and ones that mean another time whenever they are read."""
    with pytest.raises(ValueError, match=message):
        require_cron(expression)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "Europe"])
def test_unknown_time_zones_are_refused(name: str) -> None:
    """Only names of the IANA list will do."""
    with pytest.raises(ValueError, match="IANA"):
        require_time_zone(name)


def test_a_time_of_day_follows_its_time_zone() -> None:
    """Nine in the morning is another time in UTC after the change."""
    assert times("0 9 * * *", "2026-03-27T12:00", 2) == ["03-28 08:00", "03-29 07:00"]


def test_a_time_that_the_change_leaves_out_comes_due_when_the_gap_ends() -> None:
    """No day goes without its run, and the next is on time again."""
    assert times("30 2 * * *", "2026-03-28T12:00", 2) == ["03-29 01:00", "03-30 00:30"]


@pytest.mark.parametrize("after", ["2026-10-24T12:00", "2026-10-25T00:10"])
def test_a_time_that_comes_twice_counts_once(after: str) -> None:
    """The first of the two, also for who looks between them."""
    assert times("30 2 * * *", after, 2) == ["10-25 00:30", "10-26 01:30"]
    assert times("30 2 * * *", "2026-10-25T00:45", 1) == ["10-26 01:30"]


def test_every_so_many_minutes_goes_on_through_the_change() -> None:
    """Such a schedule is about the time that passes."""
    assert times("*/30 * * * *", "2026-10-25T00:15", 4) == [
        "10-25 00:30",
        "10-25 01:00",
        "10-25 01:30",
        "10-25 02:00",
    ]
    assert times("0 * * * *", "2026-03-29T00:30", 2) == ["03-29 01:00", "03-29 02:00"]
