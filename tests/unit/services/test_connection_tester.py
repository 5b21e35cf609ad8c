"""Connection tests of providers that are slow, or say nothing at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.ports.adapter import FetchRequest, SourcePage
from shared.services.connection_test import SLOW_SECONDS, ConnectionTester, Outcome, StepName
from shared.services.credentials import CredentialVault
from tests.fakes.adapter import FakeAdapter
from tests.fakes.clock import FakeClock
from tests.unit.services.sync_world import TENANT, SyncWorld, no_secrets, record, sync_world


class SlowAdapter(FakeAdapter):
    """Answers late, by the test's clock."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        super().__init__([record("a")])
        self._clock = clock
        self._seconds = seconds

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        self._clock.advance(self._seconds)
        return await super().fetch_page(request)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SyncWorld]:
    async with sync_world(tmp_path) as made:
        await made.add_integration()
        yield made


def connection_tester(world: SyncWorld, adapter: FakeAdapter, limit_seconds: float = 60) -> ConnectionTester:
    world.adapters.adapter = adapter
    vault = CredentialVault(no_secrets, world.adapters, world.clock)
    return ConnectionTester(
        world.integrations, world.providers, world.adapters, vault, world.clock, limit_seconds
    )


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(SLOW_SECONDS, Outcome.PASSED), (SLOW_SECONDS + 0.1, Outcome.FAILED)]
)
async def test_a_late_answer_fails_at_performance_only(
    world: SyncWorld, seconds: float, outcome: Outcome
) -> None:
    """The guide warns from five seconds on; what came is right all the same."""
    adapter = SlowAdapter(world.clock, seconds)
    report = await connection_tester(world, adapter).test(TENANT, "int1")
    assert report.seconds == seconds
    assert [step.outcome for step in report.steps] == [*[Outcome.PASSED] * 4, outcome]
    assert adapter.closed == 1


async def test_a_provider_that_says_nothing_is_given_up(world: SyncWorld) -> None:
    """Somebody waits for the report; the line is closed."""
    adapter = FakeAdapter([record("a")])
    adapter.hangs = True
    report = await connection_tester(world, adapter, limit_seconds=0.01).test(TENANT, "int1")
    failed = next(step for step in report.steps if step.outcome is Outcome.FAILED)
    assert (failed.name, failed.code) == (StepName.CONNECTIVITY, "unavailable")
    assert adapter.closed == 1


async def test_search_is_tried_where_there_is_one(world: SyncWorld) -> None:
    """All three requests of the guide's smoke test."""
    report = await connection_tester(world, FakeAdapter([record("a")])).smoke_test(TENANT, "int1")
    assert (report.passed, report.failed) == (3, 0)
    assert [detail.name for detail in report.details] == ["Connection", "Fetch Records", "Search"]
