"""What is tried again, and what never is."""

from __future__ import annotations

from typing import Any

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import (
    InvalidRequestError,
    ProviderContractError,
    RecordConflictError,
    ThrottledError,
    UnavailableError,
    UncertainOutcomeError,
    UnreachableError,
)
from shared.ports.adapter import Adapter
from tests.fakes import provider_server as faults
from tests.fakes.provider_server import ProviderServer
from tests.unit.adapters.rest.reading import answer, open_adapter, rest_of
from tests.unit.adapters.rest.writing import REQUESTS, with_status, writable

KEYED = {"path": "/things", "idempotencyKey": {"header": "Idempotency-Key"}}
MADE = answer({"id": 1})
UNCERTAIN = {
    "disconnected": faults.disconnect,
    "truncated": faults.truncated,
    "server error": with_status(500),
    "unavailable": with_status(503, None, Retry_After="1"),
    "time-out at the provider": with_status(408),
    "no body": with_status(201),
    "no id": with_status(201, {"name": "no id"}),
    "null id": with_status(201, {"id": None}),
    "no JSON": faults.html("<h1>Done</h1>"),
    "error inside a success": answer({"error": "later"}),
    "redirect": faults.redirect("/things/1", 303),
}


async def create(adapter: Adapter, key: str = "k1") -> str:
    return (await adapter.create("thing", {"name": "Ada"}, key)).external_id


@pytest.mark.parametrize("fault", UNCERTAIN.values(), ids=UNCERTAIN)
async def test_create_that_may_have_been_carried_out_is_not_sent_again(
    server: ProviderServer, registry: AdapterRegistry, fault: faults.Fault
) -> None:
    """Another one of a kind is worse than a question."""
    server.faults.extend([fault, MADE])
    adapter = writable(registry, server, {"errors": [{"bodyPath": "error", "action": "retry"}]})
    with pytest.raises(UncertainOutcomeError, match="look it up before trying again") as caught:
        await create(adapter)
    assert len(server.requests) == 1
    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize("place", ["newId", {"header": "Location"}])
async def test_create_whose_answer_lacks_the_id_is_uncertain(
    server: ProviderServer, registry: AdapterRegistry, place: Any
) -> None:
    """The record is there, under an id that nobody knows."""
    server.faults.append(with_status(201))
    with pytest.raises(UncertainOutcomeError, match=r"correct `create\.id`"):
        await create(writable(registry, server, create={"path": "/things", "id": place}))


async def test_create_without_an_answer_in_time_is_uncertain(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Silence says nothing about what was done."""
    server.faults.append(faults.silence)
    adapter = writable(registry, server, {"timeouts": {"totalSeconds": 0.05}})
    with pytest.raises(UncertainOutcomeError, match="gave no answer in time"):
        await create(adapter)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        with_status(429, None, Retry_After="1"),
        with_status(425),
        with_status(423, {"error": "locked"}),
        with_status(503, {"error": "busy"}),
    ],
    ids=["429", "425", "retry by a rule", "pause by a rule"],
)
async def test_create_that_was_surely_refused_is_sent_again(
    server: ProviderServer, registry: AdapterRegistry, fault: faults.Fault
) -> None:
    """Who asks for a pause has done nothing."""
    rules: list[dict[str, Any]] = [
        {"status": 423, "action": "retry"},
        {"status": 503, "bodyPath": "error", "equals": "busy", "action": "rateLimited"},
    ]
    server.faults.extend([fault, MADE])
    assert await create(writable(registry, server, {"errors": rules})) == "1"
    assert len(server.requests) == 2


async def test_create_that_never_left_can_be_tried_again(registry: AdapterRegistry) -> None:
    """No connection, no record."""
    adapter = open_adapter(registry, "http://127.0.0.1:1", rest_of(REQUESTS))
    with pytest.raises(UnreachableError):
        await create(adapter)


async def test_pause_that_is_too_long_to_wait_is_told(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """The caller comes back later, and knows that nothing was made."""
    server.faults.append(with_status(429, None, Retry_After="3600"))
    with pytest.raises(ThrottledError) as caught:
        await create(writable(registry, server))
    assert caught.value.retry_after_seconds == 3600.0


async def test_create_that_finds_no_room_is_not_sent(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Single records count against the limits too, and what waits in line has not been done."""
    server.faults.append(MADE)
    adapter = writable(registry, server, {"limits": {"requestsPerHour": 1}})
    assert await create(adapter) == "1"
    with pytest.raises(ThrottledError) as caught:
        await create(adapter)
    assert caught.value.retry_after_seconds == 3600.0
    assert len(server.requests) == 1


async def test_entity_has_retries_of_its_own_for_single_records(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """What holds for its list holds for all of its requests."""
    server.faults.extend([with_status(500)] * 2)
    with pytest.raises(UnavailableError):
        await writable(registry, server, retry={"maxAttempts": 2}).get("thing", "1")
    assert len(server.requests) == 2


async def test_key_makes_a_create_safe_to_repeat(server: ProviderServer, registry: AdapterRegistry) -> None:
    """Every attempt carries the caller's key, so that the provider makes one record."""
    server.faults.extend([faults.disconnect, with_status(500), MADE])
    assert await create(writable(registry, server, create=KEYED), "k-7") == "1"
    assert [request.headers["Idempotency-Key"] for request in server.requests] == ["k-7"] * 3


async def test_create_with_a_key_that_keeps_failing_is_no_riddle(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """The same call can be made again later."""
    server.faults.extend([with_status(500)] * 3)
    with pytest.raises(UnavailableError):
        await create(writable(registry, server, create=KEYED))
    server.faults.append(with_status(201))
    with pytest.raises(ProviderContractError):
        await create(writable(registry, server, create=KEYED))


@pytest.mark.parametrize("key", ["", "a b", "a\nb", "ä", "x" * 256])
async def test_key_must_fit_into_a_header(
    server: ProviderServer, registry: AdapterRegistry, key: str
) -> None:
    """What can't be sent is refused before anything is."""
    with pytest.raises(InvalidRequestError, match="An idempotency key"):
        await create(writable(registry, server, create=KEYED), key)
    assert server.requests == []


async def test_other_requests_are_tried_again(server: ProviderServer, registry: AdapterRegistry) -> None:
    """However often they are sent, they come to the same."""
    adapter = writable(registry, server)
    server.faults.extend([with_status(500), answer({"id": 1})])
    assert await adapter.get("thing", "1")
    server.faults.extend([with_status(500), with_status(204)])
    await adapter.update("thing", "1", {}, None)
    server.faults.extend([with_status(500), with_status(404)])
    await adapter.delete("thing", "1", None)
    server.faults.extend([with_status(500), answer([])])
    assert await adapter.search("thing", "x", 1) == []
    assert len(server.requests) == 8


async def test_update_whose_answer_was_lost_may_meet_itself(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A conflict with oneself costs a look; a lost update would cost the data."""
    update = {"path": "/things/{record.id}", "condition": {"header": "If-Match"}}
    server.faults.extend([with_status(500), with_status(412)])
    with pytest.raises(RecordConflictError):
        await writable(registry, server, version="rev", update=update).update("thing", "1", {}, "v1")
    assert [request.headers["If-Match"] for request in server.requests] == ["v1", "v1"]


async def test_value_that_breaks_a_header_is_refused(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A version is the provider's, and may be anything."""
    update = {"path": "/things/{record.id}", "condition": {"header": "If-Match"}}
    adapter = writable(registry, server, version="rev", update=update)
    with pytest.raises(
        InvalidRequestError, match="The value for the header If-Match has a control character"
    ):
        await adapter.update("thing", "1", {}, "a\r\nX-Evil: 1")
    assert server.requests == []
