"""Idempotency-Key: what is remembered of a request, and for how long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import count
from pathlib import Path

import pytest

from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.domain.errors import InvalidStateError, KeyReusedError, RequestInProgressError, UnavailableError
from shared.domain.idempotency import KeyedRequest, SavedAnswer
from shared.domain.integration import Integration
from shared.domain.sync import ExecutionStatus, SyncExecution, SyncMode, Trigger
from shared.ports.queue import OutgoingMessage
from shared.repositories.keyed_requests import KeyedRequestRepository
from shared.services.idempotency import CLAIM_SECONDS, IdempotencyKeys
from tests.fakes.clock import FakeClock
from tests.unit.services.sync_world import TENANT, SyncWorld, sync_world

ANSWER = SavedAnswer(status=201, headers={"Location": "/x"}, media_type="application/json", body="{}")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def keys(tmp_path: Path, clock: FakeClock) -> AsyncIterator[IdempotencyKeys]:
    store = await SqliteDocumentStore.open(tmp_path / "documents.db", clock)
    ids = count(1)
    yield IdempotencyKeys(KeyedRequestRepository(store), clock, lambda: f"object{next(ids)}")
    await store.close()


async def test_the_first_answer_is_remembered(keys: IdempotencyKeys) -> None:
    """Whoever comes with the same key and request gets it."""
    await keys.keep(await keys.claim(TENANT, "k", "f"), ANSWER)
    assert (await keys.claim(TENANT, "k", "f")).answer == ANSWER


async def test_a_key_is_good_for_one_request(keys: IdempotencyKeys) -> None:
    """Another request with it is refused, before and after the answer."""
    claimed = await keys.claim(TENANT, "k", "f")
    for _ in range(2):
        with pytest.raises(KeyReusedError) as caught:
            await keys.claim(TENANT, "k", "other")
        assert caught.value.problems[0].field == "Idempotency-Key"
        await keys.keep(claimed, ANSWER)


async def test_tenants_do_not_meet(keys: IdempotencyKeys) -> None:
    """Each has its own keys, and so have callers of no tenant."""
    claims = [await keys.claim(tenant, "k", "f") for tenant in (TENANT, "other", None)]
    assert len({claim.object_id for claim in claims}) == 3


async def test_a_request_that_is_being_worked_on_is_not_begun_again(
    keys: IdempotencyKeys, clock: FakeClock
) -> None:
    """The second caller is told when to come back."""
    await keys.claim(TENANT, "k", "f")
    clock.advance(CLAIM_SECONDS - 5)
    with pytest.raises(RequestInProgressError) as caught:
        await keys.claim(TENANT, "k", "f")
    assert caught.value.retry_after_seconds == 5


async def test_a_crash_blocks_a_key_for_a_minute_and_no_longer(
    keys: IdempotencyKeys, clock: FakeClock
) -> None:
    """The next attempt makes the object of the same id, and knows that it is not the first."""
    first = await keys.claim(TENANT, "k", "f")
    clock.advance(CLAIM_SECONDS)
    second = await keys.claim(TENANT, "k", "f")
    assert (first.attempts, second.attempts) == (1, 2)
    assert second.object_id == first.object_id


async def test_an_attempt_that_was_given_up_can_be_repeated_at_once(keys: IdempotencyKeys) -> None:
    """Nothing has to run out; the object keeps its id."""
    first = await keys.claim(TENANT, "k", "f")
    await keys.release(first)
    assert (await keys.claim(TENANT, "k", "f")).object_id == first.object_id


async def test_the_answer_of_an_attempt_that_was_overtaken_is_not_kept(
    keys: IdempotencyKeys, clock: FakeClock
) -> None:
    """The later attempt's stands."""
    slow = await keys.claim(TENANT, "k", "f")
    clock.advance(CLAIM_SECONDS)
    quick = await keys.claim(TENANT, "k", "f")
    await keys.keep(quick, ANSWER)
    await keys.keep(slow, ANSWER.model_copy(update={"status": 409}))
    kept = (await keys.claim(TENANT, "k", "f")).answer
    assert kept == ANSWER


async def test_a_key_is_forgotten_after_a_day(keys: IdempotencyKeys, clock: FakeClock) -> None:
    """Then it is a new request, which makes a new object."""
    first = await keys.claim(TENANT, "k", "f")
    await keys.keep(first, ANSWER)
    clock.advance(86_401)
    again: KeyedRequest = await keys.claim(TENANT, "k", "another")
    assert (again.answer, again.object_id) == (None, "object2")


async def start(world: SyncWorld, integration: Integration) -> SyncExecution:
    return await world.requests.start(
        integration, SyncMode.FULL, Trigger.MANUAL, "request-1", execution_id="mine"
    )


class Broken:
    """A queue that is away."""

    async def send(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        raise UnavailableError("The queue does not answer.")


async def test_a_run_whose_start_broke_off_is_started_once(tmp_path: Path) -> None:
    """The second attempt sends the message that the first one could not, for the same run."""
    async with sync_world(tmp_path) as world:
        integration = await world.add_integration()
        broken = world.requests_through(Broken())
        with pytest.raises(UnavailableError):
            await broken.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1", execution_id="mine")
        assert (await start(world, integration)).id == "mine"
        await world.work()
        assert await world.status("mine") is ExecutionStatus.SUCCEEDED
        assert (await start(world, integration)).status is ExecutionStatus.SUCCEEDED
        assert world.sender.steps() == []


async def test_a_run_that_lost_its_place_to_another_is_not_started(tmp_path: Path) -> None:
    """The attempt after the crash is refused as any second run is."""
    async with sync_world(tmp_path) as world:
        integration = await world.add_integration()
        await world.executions.create((await start(world, integration)).changed(id="other", etag=None))
        with pytest.raises(InvalidStateError, match="mine of this integration has not ended"):
            await world.requests.start(
                integration, SyncMode.FULL, Trigger.MANUAL, "request-1", execution_id="other"
            )
        assert await world.status("other") is ExecutionStatus.CANCELLED
