from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient
from azure.cosmos.exceptions import CosmosHttpResponseError, CosmosResourceNotFoundError

from tests.doubles.cosmos import CosmosDouble
from tests.fakes.clock import FakeClock
from tests.unit.doubles.talking import KEY, TEAM, item


@pytest.mark.parametrize("status", [408, 429, 449, 500, 503])
async def test_a_request_fails_as_it_was_arranged(
    cosmos: CosmosDouble, container: ContainerProxy, status: int
) -> None:
    """The next requests of a kind answer a status and change nothing; others, and those after, succeed."""
    await container.create_item(item("a"))
    cosmos.faults.fail(status, kind="write", times=1)

    assert (await container.read_item("a", TEAM))["id"] == "a"
    with pytest.raises(CosmosHttpResponseError) as failed:
        await container.create_item(item("b"))

    assert failed.value.status_code == status
    await container.create_item(item("b"))


async def test_a_failure_can_come_after_the_write(cosmos: CosmosDouble, container: ContainerProxy) -> None:
    """An error can hide that the write was applied."""
    cosmos.faults.fail(500, kind="batch", applied=True)

    with pytest.raises(CosmosHttpResponseError):
        await container.execute_item_batch([("create", (item("a"),))], TEAM)

    assert (await container.read_item("a", TEAM))["id"] == "a"


async def test_a_throttled_client_waits_as_it_is_told(cosmos: CosmosDouble) -> None:
    """The SDK's own retries pass over answers 429, after the time that they name."""
    async with CosmosClient(cosmos.endpoint, KEY) as patient:
        database = await patient.create_database("integrations")
        container = await database.create_container("shards", PartitionKey("/kind"))
        cosmos.faults.fail(429, times=2, retry_after_ms=1)

        await container.create_item(item("a"))

    assert (cosmos.counters.answers["write", 429], cosmos.counters.answers["write", 201]) == (2, 1)


@pytest.mark.parametrize("applied", [False, True])
async def test_a_connection_is_cut_before_or_after_the_write(
    cosmos: CosmosDouble, container: ContainerProxy, applied: bool
) -> None:
    """The client gets no answer, and can't know whether its write was applied."""
    cosmos.faults.cut(kind="write", applied=applied)

    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        await container.create_item(item("a"))

    there = [one["id"] async for one in container.read_all_items()]
    assert there == (["a"] if applied else [])


async def test_faults_can_let_some_pass_and_mean_one_container(
    cosmos: CosmosDouble, container: ContainerProxy
) -> None:
    """A fault that skips a request, or means another container, leaves it alone."""
    cosmos.faults.fail(503, kind="write", container="others")
    cosmos.faults.fail(503, kind="write", skip=1)

    await container.create_item(item("a"))
    with pytest.raises(CosmosHttpResponseError):
        await container.create_item(item("b"))


async def test_a_request_can_be_held(cosmos: CosmosDouble, container: ContainerProxy) -> None:
    """A held request is carried out when it is let go, after what came later."""
    held = cosmos.faults.hold(kind="write")

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(write(container, 1))
        await held.arrived.wait()
        await write(container, 2)
        held.release()

    assert (await container.read_item("a", TEAM))["n"] == 1


async def write(container: ContainerProxy, number: int) -> None:
    await container.upsert_item(item("a", n=number))


async def test_a_delay_is_one_of_the_clock(
    cosmos: CosmosDouble, container: ContainerProxy, clock: FakeClock
) -> None:
    """A delayed request waits on the clock that the double was given."""
    cosmos.faults.delay(30, kind="read")

    with pytest.raises(CosmosResourceNotFoundError):
        await container.read_item("a", TEAM)

    assert clock.slept == [30]


async def test_a_server_that_comes_back_has_kept_everything(
    cosmos: CosmosDouble, container: ContainerProxy
) -> None:
    """While connections are refused nothing works; after that, at the same address, all is as it was."""
    await container.create_item(item("a"))

    await cosmos.refuse_connections()
    with pytest.raises(ServiceRequestError):
        await container.read_item("a", TEAM)
    await cosmos.accept_connections()

    assert (await container.read_item("a", TEAM))["id"] == "a"


class TestBudget:
    """A double with ten request units a second."""

    @pytest.fixture
    async def cosmos(self, clock: FakeClock) -> AsyncIterator[CosmosDouble]:
        async with CosmosDouble(clock, units_per_second=10) as cosmos:
            yield cosmos

    async def test_a_spent_budget_is_there_again_after_its_time(
        self, container: ContainerProxy, clock: FakeClock
    ) -> None:
        """Requests over the budget answer 429 and say when there is room; then they pass."""
        for name in "ab":
            await container.create_item(item(name))

        with pytest.raises(CosmosHttpResponseError) as throttled:
            await container.create_item(item("c"))
        assert throttled.value.status_code == 429
        clock.advance(int(throttled.value.headers["x-ms-retry-after-ms"]) / 1000)

        await container.create_item(item("c"))
