"""When an integration syncs by itself: its interval or its cron expression, and its own small delay."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.domain.cron import cron_times, require_cron, require_time_zone
from shared.domain.model import WireModel
from shared.domain.validation import blame

MAX_JITTER = timedelta(minutes=5)
"""The longest delay: what is due every day need not wait long."""

JITTER_SHARE = 0.1
"""The longest delay as a share of the time between two runs."""

MOST_RECORDS_PER_RUN = 1_000_000_000_000
"""The highest bound that may be set."""


def _cron(text: str) -> str:
    require_cron(text)
    return " ".join(text.split())


def _time_zone(name: str) -> str:
    require_time_zone(name)
    return name


class SyncConfig(WireModel):
    """When an integration syncs by itself, how much it may delete unasked, and how much one run may read.

    It syncs at an interval, or by a cron expression; else only on request. Such a run reads what changed, and
    every `full_interval_seconds` everything. What a run would delete of an entity beyond
    `deletion_hold_percent` of its shards waits for a tenant admin. A run that reads more than
    `max_records_per_run`, or as many pages of an entity, ends as failed: a source may be without an end.
    """

    interval_seconds: Annotated[int, Field(ge=60, le=30 * 86_400)] | None = None
    cron: Annotated[str, StringConstraints(max_length=100), AfterValidator(_cron)] | None = Field(
        default=None, description="Five fields: minute, hour, day, month, weekday."
    )
    time_zone: Annotated[str, StringConstraints(max_length=64), AfterValidator(_time_zone)] | None = Field(
        default=None, description="IANA name of the time zone that `cron` is in; UTC unless given."
    )
    full_interval_seconds: Annotated[int, Field(ge=3600, le=90 * 86_400)] | None = Field(
        default=None,
        description="How often a run by schedule is a full one, which finds what was deleted without a word.",
    )
    deletion_hold_percent: Annotated[int, Field(ge=0, le=100)] = 20
    max_records_per_run: Annotated[int, Field(ge=1, le=MOST_RECORDS_PER_RUN)] = 50_000_000

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.interval_seconds is not None and self.cron is not None:
            raise blame("cron", "is given beside intervalSeconds; keep one of them")
        if self.time_zone is not None and self.cron is None:
            raise blame("timeZone", "needs cron: an interval has no time of day")
        if self.full_interval_seconds is not None and self.interval_seconds is None and self.cron is None:
            raise blame("fullIntervalSeconds", "needs intervalSeconds or cron, whose runs it makes full ones")
        return self


def next_time(config: SyncConfig, key: str, now: datetime, due: datetime | None = None) -> datetime | None:
    """Return when the next run is due, always after `now`; None where nothing is scheduled.

    Times that went by while nobody looked are left out: what is due runs once, and then keeps its rhythm.

    Args:
        config: The schedule.
        key: Names the integration. The same one always has the same delay, and two rarely have the same, so
            that not every integration of every tenant starts on the hour.
        now: The present time.
        due: When the run that is being started was due; None begins the rhythm.
    """
    if config.interval_seconds is not None:
        return _next_of_interval(timedelta(seconds=config.interval_seconds), key, now, due)
    if config.cron is not None:
        return _next_of_cron(config.cron, config.time_zone or "UTC", key, now)
    return None


def next_full_time(
    config: SyncConfig, key: str, now: datetime, due: datetime | None = None
) -> datetime | None:
    """Return from when on the next run by schedule is a full one; None where none ever is.

    Args:
        config: The schedule.
        key: Names the integration, as for `next_time`.
        now: The present time.
        due: When the full run that is being started was due; None begins the rhythm.
    """
    if config.full_interval_seconds is None:
        return None
    return _next_of_interval(timedelta(seconds=config.full_interval_seconds), key, now, due)


def _next_of_interval(interval: timedelta, key: str, now: datetime, due: datetime | None) -> datetime:
    if due is None or due > now:
        return now + interval + _jitter(interval, key)
    return due + ((now - due) // interval + 1) * interval


def _next_of_cron(expression: str, time_zone: str, key: str, now: datetime) -> datetime:
    times = cron_times(expression, time_zone, now - MAX_JITTER)
    time = next(times)
    while True:
        following = next(times)
        delayed = time + _jitter(following - time, key)
        if delayed > now:
            return delayed
        time = following


def _jitter(interval: timedelta, key: str) -> timedelta:
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    share = int.from_bytes(digest) / 2**64
    longest = min(interval * JITTER_SHARE, MAX_JITTER)
    return timedelta(seconds=int(share * longest.total_seconds()))
