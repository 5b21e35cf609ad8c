"""Dead letters: kept for people, and made known to the run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.domain.sync import ExecutionStatus, SyncMode, Trigger
from shared.ports.documents import JsonObject, Query
from shared.repositories.dead_letters import DeadLetterRepository
from shared.services.dead_letters import NO_TENANT, DeadLetters, DeadMessage
from tests.unit.services.sync_world import TENANT, SyncWorld, sync_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SyncWorld]:
    async with sync_world(tmp_path) as made:
        yield made


def letters(world: SyncWorld) -> DeadLetters:
    return DeadLetters(DeadLetterRepository(world.store), world.sync, world.clock)


def message(body: bytes) -> DeadMessage:
    return DeadMessage("sync-inbound-scheduled", "m1", body, 10, "MaxDeliveryCountExceeded", "ten times")


async def stored(world: SyncWorld, tenant: str) -> list[JsonObject]:
    page = await world.store.query("dead-letters", Query((tenant,)))
    return [document.body for document in page.items]


async def test_a_dead_step_is_kept_and_its_run_is_ended(world: SyncWorld) -> None:
    """Nobody waits for a run whose message is gone; taking the letter twice keeps one."""
    integration = await world.add_integration()
    await world.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
    (outgoing,) = world.sender.sent
    for _ in range(2):
        await letters(world).take(message(outgoing.body))
    (letter,) = await stored(world, TENANT)
    assert (letter["reason"], letter["body"]["executionId"]) == ("MaxDeliveryCountExceeded", "run1")
    execution = await world.executions.get(TENANT, "run1")
    assert execution.status is ExecutionStatus.FAILED
    assert execution.error is not None
    assert "MaxDeliveryCountExceeded" in execution.error.message


@pytest.mark.parametrize("body", [b"\xff\xfe not json", b'{"some": "json"}', b"", b"[]"])
async def test_a_message_that_nobody_can_read_is_kept_too(world: SyncWorld, body: bytes) -> None:
    """Under no tenant's name, for the operators."""
    await letters(world).take(message(body))
    assert len(await stored(world, NO_TENANT)) == 1
