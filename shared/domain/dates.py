"""Moments from what providers write, and the one way in which shards hold them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import orjson

from shared.domain.scalars import to_number
from shared.domain.text_patterns import pattern_test

MomentReader = Callable[[Any], datetime]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SAMPLE = datetime(2001, 12, 30, 14, 5, 6, tzinfo=UTC)
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
_looks_like_date = pattern_test(f"^{_DATE}$")
_looks_like_date_time = pattern_test(f"^{_DATE}T{_TIME}$")


def moment_reader(date_format: str) -> MomentReader:
    """Return a reader of `iso`, `epochSeconds`, `epochMilliseconds` or a strptime format.

    What names no time zone is taken as UTC. The reader raises ValueError, TypeError or OverflowError.

    Raises:
        ValueError: The format is none, or does not give a year, month and day.
    """
    if date_format in _READERS:
        return _READERS[date_format]
    if "%" not in date_format:
        raise ValueError(f"give {', '.join(_READERS)}, or a format such as %d.%m.%Y")
    read = partial(_by_format, date_format=date_format)
    if read(_SAMPLE.strftime(date_format)).date() != _SAMPLE.date():
        raise ValueError("the format has to give the year, the month and the day, as in %d.%m.%Y")
    return read


def iso_moment(value: Any) -> datetime:
    """Return the moment, in UTC, that ISO 8601 text names; a date is its first moment.

    Raises:
        TypeError: It is not text.
        ValueError: It is not ISO 8601.
        OverflowError: It is outside the years 1 to 9999 in UTC.
    """
    if not isinstance(value, str):
        raise TypeError
    return _in_utc(datetime.fromisoformat(value.strip()))


def utc_text(moment: datetime) -> str:
    """Write a moment in UTC as `model.rfc3339` does, in a fifth of the time."""
    text = orjson.dumps(moment, option=orjson.OPT_UTC_Z)[1:-1].decode()
    return text if "." in text else f"{text[:-1]}.000000Z"


def is_date(value: Any) -> bool:
    """True for a date of the calendar as RFC 3339 writes it: `2026-01-31`."""
    return _looks_like_date(value) and _exists(value, date)


def is_date_time(value: Any) -> bool:
    """True for a moment with its time zone as RFC 3339 writes it: `2026-01-31T12:00:00Z`."""
    return _looks_like_date_time(value) and _exists(value, datetime)


def _exists(value: str, kind: type[date]) -> bool:
    try:
        kind.fromisoformat(value)
    except ValueError:
        return False
    return True


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _by_format(value: Any, date_format: str) -> datetime:
    if not isinstance(value, str):
        raise TypeError
    return _in_utc(datetime.strptime(value.strip(), date_format))  # noqa: DTZ007 - _in_utc adds the zone


def _epoch_seconds(value: Any) -> datetime:
    return _EPOCH + timedelta(seconds=to_number(value))


def _epoch_milliseconds(value: Any) -> datetime:
    return _EPOCH + timedelta(milliseconds=to_number(value))


_READERS: dict[str, MomentReader] = {
    "iso": iso_moment,
    "epochSeconds": _epoch_seconds,
    "epochMilliseconds": _epoch_milliseconds,
}
