from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devhost.schedules import parse_schedule

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("*/10 * * * * *", datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC)),
        ("30 5 * * * *", datetime(2026, 1, 1, 0, 5, 30, tzinfo=UTC)),
        ("0 30 9 * * Mon-Fri", datetime(2026, 1, 1, 9, 30, tzinfo=UTC)),
        ("0 0 0 13 * 5", datetime(2026, 2, 13, tzinfo=UTC)),
        ("0 0 0 1 Feb,Mar *", datetime(2026, 2, 1, tzinfo=UTC)),
        ("00:05:00", datetime(2026, 1, 1, 0, 5, tzinfo=UTC)),
    ],
)
def test_the_next_time_is_as_in_azure(text: str, due: datetime) -> None:
    """Seconds come first, day of month and weekday must both fit, and a time span is an interval."""
    assert parse_schedule(text).next_after(NEW_YEAR) == due


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *",
        "0 0 0 1 1 * 2030",
        "@hourly",
        "0 0 0 L * *",
        "61 * * * * *",
        "0 0 0 31 2 *",
        "00:00:00",
        "24:00:00",
        "",
    ],
)
def test_what_never_comes_due_is_refused(text: str) -> None:
    """Other dialects of cron, values out of range and impossible dates raise a ValueError."""
    with pytest.raises(ValueError, match=r".+"):
        parse_schedule(text)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.sampled_from([2, 5, 10, 15, 30]))  # noqa: DTZ001
def test_every_step_is_due_at_its_multiples(moment: datetime, step: int) -> None:
    """From any time, a schedule of every n seconds is due at the next multiple of n."""
    now = moment.replace(tzinfo=UTC)
    due = parse_schedule(f"*/{step} * * * * *").next_after(now)
    assert timedelta(0) < due - now <= timedelta(seconds=step)
    assert due.second % step == due.microsecond == 0
