"""A described provider over real HTTP: pages, positions, retries."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import (
    AccessDeniedError,
    ConfigurationError,
    CredentialsRejectedError,
    IntegrationError,
    ProviderContractError,
    ThrottledError,
    UnavailableError,
)
from shared.ports.adapter import Adapter, FetchRequest, SourcePage, SourceRecord
from tests.fakes import provider_server as faults
from tests.fakes.clock import FakeClock
from tests.fakes.provider_server import ProviderServer, thing
from tests.unit.adapters.rest.reading import answer, ask, failure, open_adapter, read_all, rest_of


@pytest.fixture
def adapter(server: ProviderServer, registry: AdapterRegistry) -> Adapter:
    return open_adapter(registry, server.url)


async def test_full_run_reads_every_page_in_order(server: ProviderServer, adapter: Adapter) -> None:
    """Without a watermark everything comes, page after page, each with the watermark up to it."""
    server.things = [thing(1), thing(2, gone=True), thing(3), thing(4), thing(5)]
    pages = await read_all(adapter, ask())
    assert [[record.external_id for record in page.records] for page in pages] == [
        ["t1", "t2"],
        ["t3", "t4"],
        ["t5"],
    ]
    assert pages[0].records[1] == SourceRecord("t2", server.things[1], 2, deleted=True)
    assert [page.watermark for page in pages] == [2, 4, 5]


async def test_request_is_what_the_document_says(server: ProviderServer, adapter: Adapter) -> None:
    """Path, query, page size and increment stand in the first request; headers in all."""
    server.things = [thing(1), thing(2), thing(3)]
    await read_all(adapter, ask())
    assert server.targets == [
        "/api/shelves/s%201/things?sort=changed&limit=2&since=0",
        "/api/shelves/s%201/things?sort=changed&limit=2&since=0&offset=2",
    ]
    assert [request.headers["X-Shelf"] for request in server.requests] == ["s 1", "s 1"]


async def test_incremental_run_begins_at_the_watermark(server: ProviderServer, adapter: Adapter) -> None:
    """What changed at the watermark or after it comes, though this API answers only with what is after."""
    server.things = [thing(1), thing(2), thing(3)]
    pages = await read_all(adapter, ask(watermark=2))
    assert [record.external_id for page in pages for record in page.records] == ["t2", "t3"]


async def test_nothing_new_tells_no_watermark(server: ProviderServer, adapter: Adapter) -> None:
    """An empty page leaves the watermark where it was."""
    server.things = [thing(1)]
    assert await adapter.fetch_page(ask(watermark=5)) == SourcePage([], None, None)


async def test_page_size_stays_within_the_api_limit(server: ProviderServer, adapter: Adapter) -> None:
    """More than the API admits is never asked for."""
    await adapter.fetch_page(ask(page_size=5000))
    assert server.requests[0].query["limit"] == "100"


async def test_position_is_json_that_another_process_can_go_on_from(
    server: ProviderServer, registry: AdapterRegistry, adapter: Adapter
) -> None:
    """What a checkpoint keeps is small, holds no host, and is all that is needed."""
    server.things = [thing(1), thing(2), thing(3)]
    position = (await adapter.fetch_page(ask())).next_position
    assert position == {
        "url": "/api/shelves/s%201/things?sort=changed&limit=2&since=0&offset=2",
        "watermark": 2,
    }
    revived = open_adapter(registry, server.url)
    page = await revived.fetch_page(ask(orjson.loads(orjson.dumps(position))))
    assert [record.external_id for record in page.records] == ["t3"]
    assert page.watermark == 3


async def test_watermark_covers_the_pages_before(server: ProviderServer, adapter: Adapter) -> None:
    """Where a source does not order its records, the last page still tells the highest change of all."""
    server.things = [thing(9), thing(1), thing(3), thing(2)]
    assert [page.watermark for page in await read_all(adapter, ask())] == [9, 9]


async def test_relative_next_page_is_followed(server: ProviderServer, adapter: Adapter) -> None:
    """A next URL may leave out the origin."""
    server.faults.append(faults.next_page_at("?since=0&limit=2&token=a%2Fb"))
    page = await adapter.fetch_page(ask())
    url = "/api/shelves/s%201/things?since=0&limit=2&token=a%2Fb"
    assert page.next_position == {"url": url, "empty": 1}


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.2:{port}/x", "https://127.0.0.1:{port}/x", "http://127.0.0.1:1/x", "//evil.example/x"],
)
async def test_next_page_elsewhere_is_refused(
    server: ProviderServer, adapter: Adapter, location: str
) -> None:
    """A next URL must stay on the scheme, host and port of the base URL."""
    server.faults.append(faults.next_page_at(location.format(port=server.url.rpartition(":")[2])))
    error = await failure(adapter)
    assert type(error) is ProviderContractError
    assert "names a next page at" in str(error)
    assert "token" not in str(error)


@pytest.mark.parametrize("location", ["http://[", "not a url", "http://h:99999/"])
async def test_next_page_that_is_no_url_is_refused(
    server: ProviderServer, adapter: Adapter, location: str
) -> None:
    """What can't be followed is a breach of contract, never the end of the data."""
    server.faults.append(faults.next_page_at(location))
    assert "that is not a URL" in str(await failure(adapter))


async def test_page_that_names_itself_as_next_is_refused(server: ProviderServer, adapter: Adapter) -> None:
    """A source that does not move on can't be read to the end."""
    server.faults.append(faults.next_page_at("?sort=changed&limit=2&since=0"))
    assert "names itself as its next page" in str(await failure(adapter))


@pytest.mark.parametrize(
    "position", [{}, {"url": 1}, {"url": "@evil.example/x"}, {"url": "http://evil.example/"}, {"url": "/a b"}]
)
async def test_foreign_position_is_refused(
    server: ProviderServer, adapter: Adapter, position: dict[str, Any]
) -> None:
    """A position that this document did not write leads nowhere."""
    assert "does not fit the provider's document; start a new sync" in str(
        await failure(adapter, ask(position))
    )
    assert server.requests == []


async def test_foreign_watermark_in_a_position_is_refused(server: ProviderServer, adapter: Adapter) -> None:
    """A change of the increment's type between two pages is noticed."""
    server.things = [thing(1)]
    position = {"url": "/api/shelves/s/things?limit=2&since=0", "watermark": "2026"}
    assert "start a new sync" in str(await failure(adapter, ask(position)))


async def test_failing_page_is_asked_for_again(
    server: ProviderServer, adapter: Adapter, clock: FakeClock
) -> None:
    """Two failures of whatever passing kind are not noticed by the caller."""
    server.things = [thing(1)]
    server.faults.extend([faults.status(500), faults.truncated])
    assert len((await adapter.fetch_page(ask())).records) == 1
    assert clock.slept == [1.0, 2.0]


async def test_third_failure_is_told(server: ProviderServer, adapter: Adapter) -> None:
    """A provider that stays down is the caller's to come back to."""
    server.faults.extend([faults.status(502)] * 3)
    assert type(await failure(adapter)) is UnavailableError
    assert len(server.requests) == 3


async def test_short_pause_is_waited_for(server: ProviderServer, adapter: Adapter, clock: FakeClock) -> None:
    """A Retry-After of seconds costs those seconds."""
    server.faults.append(faults.status(429, Retry_After="12"))
    await adapter.fetch_page(ask())
    assert clock.slept == [12.0]


async def test_long_pause_is_the_callers(server: ProviderServer, adapter: Adapter, clock: FakeClock) -> None:
    """A pause of more than a minute is told, not waited for."""
    server.faults.append(faults.status(429, Retry_After="61"))
    error = await failure(adapter)
    assert isinstance(error, ThrottledError)
    assert error.retry_after_seconds == 61.0
    assert clock.slept == []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.status(401), CredentialsRejectedError),
        (faults.status(403), AccessDeniedError),
        (faults.status(404), ProviderContractError),
        (faults.html("<h1>Welcome</h1>"), ProviderContractError),
        (faults.raw_json(b'{"answer": {}}'), ProviderContractError),
    ],
)
async def test_refusal_is_not_repeated(
    server: ProviderServer, adapter: Adapter, fault: faults.Fault, expected: type[IntegrationError]
) -> None:
    """Where repeating changes nothing, nothing is repeated."""
    server.faults.append(fault)
    assert type(await failure(adapter)) is expected
    assert len(server.requests) == 1


async def test_single_page_provider_needs_neither_pages_nor_increment(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """One request without parameters, and no position after it."""
    rest = {"baseUrl": "{serverUrl}", "entities": {"thing": {"list": {"path": "/all"}, "id": "id"}}}
    server.faults.append(faults.raw_json(b'[{"id": 1}, {"id": 2}]', Next_Page="/more"))
    adapter = open_adapter(registry, server.url, rest)
    page = await adapter.fetch_page(ask())
    assert page == SourcePage([SourceRecord("1", {"id": 1}), SourceRecord("2", {"id": 2})], None, None)
    assert server.targets == ["/all"]
    assert "start a new sync" in str(await failure(adapter, ask({"url": "/x"})))


async def test_quoted_increment_goes_out_in_quotes(server: ProviderServer, registry: AdapterRegistry) -> None:
    """Some APIs take a change as an entity tag; without initial value a first run sends none."""
    increment = {"parameter": "since", "field": "changed", "inclusive": True, "quoted": True}
    entity = {"list": {"path": "/all"}, "id": "id", "increment": increment}
    server.faults.extend([faults.raw_json(b"[]")] * 2)
    adapter = open_adapter(registry, server.url, {"baseUrl": "{serverUrl}", "entities": {"thing": entity}})
    await adapter.fetch_page(ask())
    await adapter.fetch_page(ask(watermark=7))
    assert server.targets == ["/all", "/all?since=%227%22"]


async def test_unknown_entity_is_a_configuration_error(adapter: Adapter) -> None:
    """A mapping of an entity that the document lacks says which there are."""
    error = await failure(adapter, FetchRequest("widget", None, None, 2))
    assert type(error) is ConfigurationError
    assert str(error) == "The provider has no entity widget; map one of thing."


async def test_adapters_share_one_session(server: ProviderServer, registry: AdapterRegistry) -> None:
    """Closing an adapter leaves the connections to the others; one connection serves both."""
    first, second = open_adapter(registry, server.url), open_adapter(registry, server.url)
    await first.fetch_page(ask())
    await first.close()
    await second.fetch_page(ask())
    ports = {
        request.transport.get_extra_info("peername")[1] for request in server.requests if request.transport
    }
    assert len(ports) == 1


@pytest.mark.parametrize(
    ("bad", "good", "asked", "refused"),
    [
        (10, 0, {}, True),
        (9, 0, {}, False),
        (10, 1, {}, False),
        (10, 0, {"watermark": 7}, False),
    ],
)
async def test_document_that_fits_no_record_is_told(
    server: ProviderServer,
    registry: AdapterRegistry,
    bad: int,
    good: int,
    asked: dict[str, Any],
    *,
    refused: bool,
) -> None:
    """A first page of nothing but records malformed alike: not they are wrong, but the document.

    An incremental run has read good ones before; it would lose what comes after.
    """
    increment = {"parameter": "since", "field": "at", "type": "integer"}
    adapter = open_adapter(registry, server.url, rest_of({"increment": increment}))
    server.faults.append(answer([{"key": n} for n in range(bad)] + [{"id": n} for n in range(good)]))
    if refused:
        error = await failure(adapter, ask(**asked))
        assert type(error) is ProviderContractError
        assert "All 10 records on the first page of entity thing are malformed alike (missing_id)." in str(
            error
        )
    else:
        records = (await adapter.fetch_page(ask(**asked))).records
        assert sum(record.rejection is not None for record in records) == bad
