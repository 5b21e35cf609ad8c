"""One limit of a rate: so many requests in any window of so many seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import accumulate

_MARKS = 100
"""Larger limits are counted in marks of a hundredth of their window: a day's 100,000 are a hundred marks."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` requests in any `seconds`."""

    limit: int
    seconds: float


@dataclass(slots=True)
class _Mark:
    """Requests that were let through close together; they are counted until the last of them is gone."""

    first: float
    last: float
    count: int


class RateWindow:
    """Remembers what was let through: a sliding log, so that no window has too many wherever it begins.

    A counter that is reset at the full minute would let through twice the limit around that moment.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._grain_seconds = rate.seconds / _MARKS if rate.limit > _MARKS else 0.0
        self._marks: deque[_Mark] = deque()
        self._used = 0

    def delay_seconds(self, now: float, ahead: int = 0) -> float:
        """Return after how many seconds at least there is room for one more, after `ahead` others."""
        self._forget(now)
        rounds, place = divmod(ahead, self._rate.limit)
        too_many = self._used + place + 1 - self._rate.limit
        return rounds * self._rate.seconds + self._until_gone(too_many, now)

    def count(self, now: float) -> None:
        """Note that a request was let through."""
        self._used += 1
        if self._marks and now - self._marks[-1].first < self._grain_seconds:
            self._marks[-1].last = now
            self._marks[-1].count += 1
        else:
            self._marks.append(_Mark(now, now, 1))

    def is_empty(self, now: float) -> bool:
        """True when nothing is counted any more."""
        self._forget(now)
        return not self._marks

    def _until_gone(self, count: int, now: float) -> float:
        """Return how long it takes until the oldest `count` requests are out of the window."""
        if count <= 0:
            return 0.0
        gone = accumulate(mark.count for mark in self._marks)
        last = next(mark.last for mark, so_far in zip(self._marks, gone, strict=True) if so_far >= count)
        return last + self._rate.seconds - now

    def _forget(self, now: float) -> None:
        while self._marks and self._marks[0].last + self._rate.seconds <= now:
            self._used -= self._marks.popleft().count
