from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devhost.time_span import parse_time_span


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:10:00", 600.0), ("1.02:03:04", 93_784.0), ("00:00:00.5000000", 0.5)]
)
def test_time_spans_are_seconds(text: str, seconds: float) -> None:
    """Days, hours, minutes, seconds and fractions add up to seconds."""
    assert parse_time_span(text) == seconds


@pytest.mark.parametrize("text", ["24:00:00", "00:60:00", "10", "00:10", "-00:10:00", "", "x"])
def test_what_is_no_time_span_is_refused(text: str) -> None:
    """Other forms, and 24 hours, which .NET reads as 24 days, raise a ValueError."""
    with pytest.raises(ValueError, match=r"time span|out of range"):
        parse_time_span(text)


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_every_time_span_reads_back(days: int, hours: int, minutes: int, seconds: int) -> None:
    """Whatever is written in the format is read as what it says."""
    text = f"{days}.{hours:02}:{minutes:02}:{seconds:02}"
    assert parse_time_span(text) == ((days * 24 + hours) * 60 + minutes) * 60 + seconds
