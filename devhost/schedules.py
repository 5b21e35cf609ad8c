"""When a timer is due: NCRONTAB expressions and time spans."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol

from devhost.time_span import parse_time_span

_VALUE = r"(?:\d+|[A-Za-z]{3,9})"
_ITEM = rf"(?:\*|{_VALUE}(?:-{_VALUE})?)(?:/\d+)?"
_FIELD = re.compile(rf"{_ITEM}(?:,{_ITEM})*")
_FIELDS = 6
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class Schedule(Protocol):
    """Tells when a timer is due."""

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time after `moment`, in UTC."""
        ...


class IntervalSchedule:
    """Due again and again after a fixed time."""

    def __init__(self, seconds: float) -> None:
        self._interval = timedelta(seconds=seconds)

    def next_after(self, moment: datetime) -> datetime:
        """Return `moment` and the interval."""
        return moment + self._interval


class CronSchedule:
    """NCRONTAB: second, minute, hour, day, month and weekday, all of which must fit; in UTC as in Azure."""

    def __init__(self, expression: str) -> None:
        self._expression = expression

    def next_after(self, moment: datetime) -> datetime:
        """Return the first fitting second after `moment`."""
        from croniter import croniter  # noqa: PLC0415 - apps without such timers start faster

        times = croniter(self._expression, moment, second_at_beginning=True, day_or=False)
        due: datetime = times.get_next(datetime)
        return due


def parse_schedule(text: str) -> Schedule:
    """Return the schedule of a time span or of a six-field NCRONTAB expression.

    Raises:
        ValueError: It is neither, or it never comes due.
    """
    if ":" in text:
        seconds = parse_time_span(text)
        if seconds <= 0:
            raise ValueError(f"the interval {text!r} is not positive")
        return IntervalSchedule(seconds)
    fields = text.split()
    if len(fields) != _FIELDS or not all(_FIELD.fullmatch(field) for field in fields):
        raise ValueError(f"{text!r} is not an NCRONTAB expression of six fields, the seconds first")
    schedule = CronSchedule(" ".join(fields))
    schedule.next_after(_ANY_TIME)  # croniter's errors are ValueErrors and say which field is wrong
    return schedule
