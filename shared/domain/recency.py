"""Which of two versions of a record is the later one, by what the provider says of its changes."""

from __future__ import annotations

from shared.domain.dates import is_date_time, iso_moment

Version = str | int | None
"""A time or number of a change; None where the provider tells none."""


def is_as_recent(ours: Version, theirs: Version) -> bool:
    """Tell whether our version is theirs or a later one; False where they can't be compared.

    Numbers are compared as numbers, also where text holds them, times with a zone as times, and other text by
    its characters.
    """
    if isinstance(ours, int) and isinstance(theirs, int):
        return ours >= theirs
    if not isinstance(ours, str) or not isinstance(theirs, str):
        return False
    if is_date_time(ours) and is_date_time(theirs):
        return iso_moment(ours) >= iso_moment(theirs)
    if _is_number(ours) and _is_number(theirs):
        return int(ours) >= int(theirs)
    return ours >= theirs


def is_later(ours: Version, theirs: Version) -> bool:
    """Tell whether our version is later than theirs; False where they can't be compared."""
    return is_as_recent(ours, theirs) and not is_as_recent(theirs, ours)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER


_LONGEST_NUMBER = 100
