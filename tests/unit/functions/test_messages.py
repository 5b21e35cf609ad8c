"""Queue messages: what becomes of one whose handler raises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from functions._messages import (
    ABANDON_AFTER_SECONDS,
    HOST_SECONDS,
    MAX_ATTEMPTS,
    OUTCOMES,
    Outcome,
    kept_before_abandoned,
    opened_runtime,
    outcome_of,
    run_step,
)
from shared.domain import errors
from shared.domain.errors import ThrottledError, UnavailableError
from shared.domain.sync import ExecutionStatus, SyncMessage, SyncMode, Trigger
from shared.ports.queue import OutgoingMessage
from tests.fakes.clock import FakeClock
from tests.unit.services.sync_world import TENANT, SyncWorld, record, sync_world


def every_error() -> list[type[Exception]]:
    return [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.IntegrationError)
    ]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errors.LeaseHeldError("busy"), Outcome.WAIT),
        (errors.ThrottledError("slow down"), Outcome.RESCHEDULE),
        (errors.UnavailableError("down"), Outcome.RESCHEDULE),
        (errors.LeaseLostError("late"), Outcome.RESCHEDULE),
        (errors.StaleWriteError("changed"), Outcome.RESCHEDULE),
        (errors.RecordConflictError("changed there"), Outcome.RESCHEDULE),
        (errors.UncertainOutcomeError("done?"), Outcome.RESCHEDULE),
        (errors.UnreadableMessageError("noise"), Outcome.ABANDON),
        (errors.CredentialsRejectedError("revoked"), Outcome.GIVE_UP),
        (errors.NotFoundError("gone"), Outcome.GIVE_UP),
        (ValueError("a bug"), Outcome.ABANDON),
    ],
)
def test_an_errors_kind_decides(error: Exception, outcome: Outcome) -> None:
    """What asks for time gets it, what can't succeed ends, and bugs reach the dead-letter queue."""
    assert outcome_of(error) is outcome


def test_the_table_knows_every_error_of_the_tree() -> None:
    """A new kind of error that no row but the last fits would be treated as a bug."""
    known = tuple(kind for kind, _ in OUTCOMES if kind is not Exception)
    leaves = [kind for kind in every_error() if kind is not errors.IntegrationError]
    assert [kind.__name__ for kind in leaves if not issubclass(kind, known)] == []


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SyncWorld]:
    async with sync_world(tmp_path) as made:
        await made.add_integration()
        made.adapter.records = [record("a"), record("b"), record("c")]
        yield made


async def first_step(world: SyncWorld) -> SyncMessage:
    integration = await world.integrations.get(TENANT, "int1")
    await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
    (step,) = world.sender.steps()
    return step


def seconds_until(world: SyncWorld, message: OutgoingMessage) -> float:
    assert message.scheduled_at is not None
    return (message.scheduled_at - world.clock.now()).total_seconds()


async def test_a_failing_step_is_sent_again_later_and_later(world: SyncWorld) -> None:
    """The delay doubles, and each try is a new message that no duplicate detection drops."""
    step = await first_step(world)
    delays = []
    for number in range(1, 5):
        world.adapter.faults[number] = UnavailableError("down")
        await run_step(world.sync, step, world.clock)
        delays.append(seconds_until(world, world.sender.sent[0]))
        (step,) = world.sender.steps()
    assert delays == [5, 10, 20, 40]
    await run_step(world.sync, step, world.clock)
    assert await world.status() is ExecutionStatus.SUCCEEDED


async def test_a_provider_that_names_a_time_is_left_alone_until_then(world: SyncWorld) -> None:
    """What it asks for counts, if it is longer than our own delay."""
    world.adapter.faults[1] = ThrottledError("slow down", retry_after_seconds=120)
    await run_step(world.sync, await first_step(world), world.clock)
    assert seconds_until(world, world.sender.sent[0]) == 120


async def test_a_run_is_given_up_after_its_last_attempt(world: SyncWorld) -> None:
    """It ends as failed, with the last reason; no message is left behind."""
    step = await first_step(world)
    for number in range(1, MAX_ATTEMPTS + 1):
        world.adapter.faults[number] = UnavailableError("the provider is down")
        await run_step(world.sync, step, world.clock)
        step = next(iter(world.sender.steps()), step)
    execution = await world.executions.get(TENANT, "run1")
    assert execution.status is ExecutionStatus.FAILED
    assert execution.error is not None
    assert execution.error.message == "the provider is down"
    assert world.sender.sent == []


async def test_waiting_for_another_step_is_no_attempt(world: SyncWorld) -> None:
    """However long the other takes, the run is not given up."""
    step = await first_step(world)
    async with world.leases.hold(TENANT, "sync.int1"):
        for _ in range(3 * MAX_ATTEMPTS):
            await run_step(world.sync, step, world.clock)
            assert seconds_until(world, world.sender.sent[0]) <= 30
            (step,) = world.sender.steps()
    await run_step(world.sync, step, world.clock)
    assert await world.status() is ExecutionStatus.SUCCEEDED


async def test_a_bug_is_left_to_the_dead_letter_queue(world: SyncWorld) -> None:
    """The message is abandoned, and the platform counts its deliveries."""
    world.adapter.faults[1] = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        await run_step(world.sync, await first_step(world), world.clock)
    assert world.sender.sent == []


async def test_a_message_that_cannot_be_sent_again_is_not_abandoned_at_once(world: SyncWorld) -> None:
    """Ten deliveries in a row would bring it to the dead letters in an outage of seconds."""
    step = await first_step(world)
    world.adapter.faults[1] = UnavailableError("the provider is down")
    world.sender.fault = UnavailableError("and so is the queue")
    clock = FakeClock()
    with pytest.raises(UnavailableError, match="queue"):
        await run_step(world.sync, step, clock)
    assert clock.slept == [ABANDON_AFTER_SECONDS]

    world.sender.fault = None
    await run_step(world.sync, step, world.clock)
    assert await world.status() is ExecutionStatus.SUCCEEDED


async def test_no_message_is_kept_until_the_host_ends_the_worker() -> None:
    """What a slow step has left of its ten minutes is all that it may wait."""
    clock = FakeClock()

    async def slow_step() -> None:
        async with kept_before_abandoned(clock):
            clock.advance(HOST_SECONDS - 5)
            raise UnavailableError("the store is down")

    with pytest.raises(UnavailableError):
        await slow_step()
    assert clock.slept == [5]


async def test_a_wrong_setting_does_not_make_dead_letters_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator has minutes to mend a deployment before messages are given up."""
    monkeypatch.setenv("INTEGRATIONS_BACKEND", "nonsense")
    clock = FakeClock()
    with pytest.raises(errors.ConfigurationError, match="INTEGRATIONS_BACKEND"):
        await opened_runtime(clock)
    assert clock.slept == [ABANDON_AFTER_SECONDS]
