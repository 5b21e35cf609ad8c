"""Cron expressions of five fields, in a time zone: when they come due, also where clocks are changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_VALUE = r"(?:\d{1,2}|[A-Za-z]{3})"
_ITEM = rf"(?:\*|{_VALUE}(?:-{_VALUE})?)(?:/\d{{1,2}})?"
_FIELD = re.compile(rf"{_ITEM}(?:,{_ITEM})*")
_FIELDS = 5
_HOURS = 1
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def cron_times(expression: str, time_zone: str, after: datetime) -> Iterator[datetime]:
    """Yield the times, in UTC, at which an expression comes due after a moment; the earliest first.

    As Debian's cron has it: a time that a clock change leaves out comes due when the gap ends. An hour that a
    clock change repeats counts once, except where the field of the hours begins with `*`: such a schedule is
    about the time that passes, not about the time of day.

    Raises:
        ValueError: The expression never comes due.
    """
    from croniter import croniter  # noqa: PLC0415 - takes 45 ms, and few processes need it

    by_time_of_day = not expression.split()[_HOURS].startswith("*")
    times = croniter(expression, after.astimezone(ZoneInfo(time_zone)))
    while True:
        due: datetime = times.get_next(datetime)
        if not (by_time_of_day and due.fold):
            yield due.astimezone(UTC)


def require_cron(expression: str) -> None:
    """Make sure that an expression can be used.

    Raises:
        ValueError: It can't, or it never comes due; the message says why.
    """
    fields = expression.split()
    if len(fields) != _FIELDS or not all(_FIELD.fullmatch(field) for field in fields):
        raise ValueError(
            "must have five fields, minute, hour, day, month and weekday, of numbers, names, * , - and /"
        )
    try:
        next(cron_times(expression, "UTC", _ANY_TIME))
    except ValueError as error:  # every error of croniter's is one
        raise ValueError(f"is no time that ever comes: {error}") from None


def require_time_zone(name: str) -> None:
    """Make sure that there is such a time zone.

    Raises:
        ValueError: There is none.
    """
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # what it raises for odd paths, folders and unknown names
        raise ValueError(f"there is no time zone {name}; use an IANA name such as Europe/Berlin") from None
