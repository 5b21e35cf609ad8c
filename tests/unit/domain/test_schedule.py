"""When an integration is due: its rhythm, and its own small delay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.schedule import MAX_JITTER, SyncConfig, next_full_time, next_time

NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
keys = st.text(min_size=1, max_size=20)
crons = st.sampled_from(["*/5 * * * *", "0 * * * *", "0 9,17 * * 1-5", "30 2 * * *", "0 0 1 * *"])


def config(**values: object) -> SyncConfig:
    return SyncConfig.model_validate(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"intervalSeconds": 60, "cron": "0 * * * *"}, "keep one of them"),
        ({"timeZone": "Europe/Berlin"}, "needs cron"),
        ({"timeZone": "Europe/Berlin", "intervalSeconds": 60}, "needs cron"),
        ({"cron": "0 * * * *", "timeZone": "Nowhere"}, "no time zone Nowhere"),
        ({"fullIntervalSeconds": 86_400}, "needs intervalSeconds or cron"),
        ({"fullIntervalSeconds": 60, "intervalSeconds": 60}, "greater than or equal to 3600"),
        ({"cron": "hourly"}, "five fields"),
        ({"cron": "* " * 60}, "100 characters"),
    ],
)
def test_a_schedule_that_can_not_be_is_refused(values: dict[str, object], message: str) -> None:
    """The message says what to do."""
    with pytest.raises(ValidationError, match=message):
        config(**values)


def test_without_interval_and_cron_nothing_is_due() -> None:
    """It syncs on request only."""
    assert next_time(config(), "int1", NOW) is None


def test_missed_times_are_not_made_up_for() -> None:
    """After three hours away an integration keeps the rhythm that it had, and the next time lies ahead."""
    due = NOW - timedelta(hours=3, minutes=10)
    following = next_time(config(intervalSeconds=3600), "int1", NOW, due)
    assert following == due + timedelta(hours=4)


def test_integrations_that_begin_together_do_not_stay_together() -> None:
    """A thousand hourly ones are spread over five minutes, each always at the same place."""
    hourly = config(cron="0 * * * *")
    hour = datetime(2026, 1, 1, 13, tzinfo=UTC)
    first = [next_time(hourly, f"int{number}", hour - timedelta(minutes=30)) for number in range(1000)]
    again = [next_time(hourly, f"int{number}", hour - timedelta(seconds=1)) for number in range(1000)]
    delays = {(time - hour).total_seconds() for time in first if time}
    assert first == again
    assert len(delays) > 250
    assert min(delays) >= 0
    assert max(delays) < MAX_JITTER.total_seconds()


@given(keys)
def test_the_delay_is_at_most_a_tenth_of_the_interval(key: str) -> None:
    """Whoever syncs every ten minutes waits a minute longer for the first time at most."""
    first = next_time(config(intervalSeconds=600), key, NOW)
    assert first is not None
    assert timedelta(seconds=600) <= first - NOW <= timedelta(seconds=660)


@given(crons, keys, moments)
def test_every_time_of_a_cron_comes_once(cron: str, key: str, now: datetime) -> None:
    """Looking again before a time gives the same, and looking at it gives a later one."""
    schedule = config(cron=cron)
    due = next_time(schedule, key, now)
    assert due is not None
    assert due > now
    assert next_time(schedule, key, due - timedelta(seconds=1)) == due
    following = next_time(schedule, key, due)
    assert following is not None
    assert following - due > timedelta(minutes=4)


def test_full_runs_keep_a_rhythm_of_their_own() -> None:
    """An interval and the delay after the beginning, and then by the interval alone; never without one."""
    weekly = config(cron="0 * * * *", fullIntervalSeconds=604_800)
    first = next_full_time(weekly, "int1", NOW)
    assert first is not None
    assert timedelta(weeks=1) <= first - NOW <= timedelta(weeks=1) + MAX_JITTER
    assert next_full_time(weekly, "int1", first + timedelta(hours=1), first) == first + timedelta(weeks=1)
    assert next_full_time(config(cron="0 * * * *"), "int1", NOW) is None
