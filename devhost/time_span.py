"""The .NET TimeSpan format, in which Functions writes its durations."""

from __future__ import annotations

import re

_HOURS, _SIXTY = 24, 60
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d{1,7})?")


def parse_time_span(text: str) -> float:
    """Return the seconds of `[days.]hours:minutes:seconds[.fraction]`.

    Raises:
        ValueError: Another form, or a part out of its range. .NET reads `24:00:00` as 24 days: refused too.
    """
    match = _TIME_SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time span such as 00:10:00")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:4])
    if hours >= _HOURS or minutes >= _SIXTY or seconds >= _SIXTY:
        raise ValueError(f"{text!r} has a part out of range; a day and more is written 1.00:00:00")
    return days * 86_400 + hours * 3_600 + minutes * 60 + seconds + float(match[5] or 0)
