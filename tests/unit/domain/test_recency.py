"""Which of two versions of a record is the later one."""

from __future__ import annotations

import pytest

from shared.domain.recency import is_as_recent


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (9, 10),
        ("9", "10"),
        ("a9", "aa"),
        ("2026-01-01", "2026-01-02"),
        ("2026-01-01T12:00:00+02:00", "2026-01-01T11:00:00Z"),
        ("2026-01-01T10:00:00.5Z", "2026-01-01T10:00:00.75Z"),
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00.1Z"),
    ],
)
def test_the_later_version_is_told(earlier: str | int, later: str | int) -> None:
    """Numbers, times whatever their zone, and text each by their own order."""
    assert is_as_recent(later, earlier)
    assert not is_as_recent(earlier, later)
    assert is_as_recent(later, later)


def test_one_moment_in_two_zones_is_one_moment() -> None:
    """Neither is earlier."""
    there, here = "2026-01-01T12:00:00+02:00", "2026-01-01T10:00:00.000Z"
    assert is_as_recent(there, here)
    assert is_as_recent(here, there)


@pytest.mark.parametrize(("ours", "theirs"), [(5, "5"), ("5", 5), (None, 5), (5, None), (None, None)])
def test_versions_of_different_kinds_are_not_compared(
    ours: str | int | None, theirs: str | int | None
) -> None:
    """Then nobody can say that ours is as recent."""
    assert not is_as_recent(ours, theirs)
