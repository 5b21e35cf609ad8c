"""Increments that are a link: the last page names the request of the next run."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import ProviderContractError, ResyncRequiredError
from shared.ports.adapter import Adapter, Credentials
from tests.fakes.provider_server import ProviderServer, raw_json, status
from tests.unit.adapters.rest.reading import answer, ask, failure, ids, open_adapter, read_all, rest_of

GRAPH: dict[str, Any] = {
    "list": {"path": "/users/delta", "query": {"$select": "id"}},
    "records": "value",
    "deleted": {"present": "@removed"},
    "deletions": {"sweep": False},
    "pagination": {"kind": "nextUrl", "bodyPath": {"jmespath": '"@odata.nextLink"'}},
    "increment": {"link": {"bodyPath": {"jmespath": '"@odata.deltaLink"'}}},
}


def graph(registry: AdapterRegistry, server: ProviderServer, **rest: Any) -> Adapter:
    return open_adapter(registry, server.url, rest_of(GRAPH, **rest))


async def test_next_run_follows_the_link_of_the_last(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """The delta link of the last page is the watermark, and the first request of the next run."""
    url = server.url
    server.faults.extend(
        [
            answer({"value": [{"id": "1"}], "@odata.nextLink": f"{url}/users/delta?$skiptoken=a%3D"}),
            answer({"value": [{"id": "2"}], "@odata.deltaLink": f"{url}/users/delta?$deltatoken=b%3D"}),
        ]
    )
    pages = await read_all(graph(registry, server), ask())
    assert ids(pages) == ["1", "2"]
    assert [page.watermark for page in pages] == [None, "/users/delta?$deltatoken=b%3D"]

    server.faults.extend(
        [
            answer({"value": [{"id": "3"}], "@odata.nextLink": f"{url}/users/delta?$skiptoken=c"}),
            answer(
                {"value": [{"id": "1", "@removed": {}}], "@odata.deltaLink": "/users/delta?$deltatoken=d"}
            ),
        ]
    )
    watermark = orjson.loads(orjson.dumps(pages[-1].watermark))
    pages = await read_all(graph(registry, server), ask(watermark=watermark))
    assert [(each.external_id, each.deleted) for page in pages for each in page.records] == [
        ("3", False),
        ("1", True),
    ]
    assert pages[-1].watermark == "/users/delta?$deltatoken=d"
    assert server.targets == [
        "/users/delta?%24select=id",
        "/users/delta?$skiptoken=a%3D",
        "/users/delta?$deltatoken=b%3D",
        "/users/delta?$skiptoken=c",
    ]


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        (None, "is the last page and has no URL at"),
        ("", "is the last page and has no URL at"),
        (7, "is the last page and has no URL at"),
        ("http://[", "is not a URL"),
        ("https://elsewhere.example.com/users/delta", "this provider's origin is"),
    ],
)
async def test_link_that_can_not_be_followed_is_refused(
    server: ProviderServer, registry: AdapterRegistry, link: Any, reason: str
) -> None:
    """Credentials stay at their origin, and a run without a link could not be gone on from."""
    server.faults.append(answer({"value": [], "@odata.deltaLink": link}))
    assert reason in str(await failure(graph(registry, server)))


async def test_link_is_kept_without_credentials(server: ProviderServer, registry: AdapterRegistry) -> None:
    """A provider may write the key into its links; the checkpoint does not."""
    rest = rest_of(GRAPH, auth={"kind": "apiKey", "parameter": "key"})
    adapter = open_adapter(registry, server.url, rest, Credentials({"apiKey": "s3cret"}))
    server.faults.append(answer({"value": [], "@odata.deltaLink": "/users/delta?key=s3cret&t=1"}))
    page = await adapter.fetch_page(ask())
    assert page.watermark == "/users/delta?t=1"
    server.faults.append(answer({"value": [], "@odata.deltaLink": "/users/delta?t=2"}))
    await adapter.fetch_page(ask(watermark=page.watermark))
    assert server.targets[-1] == "/users/delta?t=1&key=s3cret"


async def test_link_that_the_provider_forgot_asks_for_a_full_run(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A rule says which answer means so."""
    server.faults.append(status(410))
    adapter = graph(registry, server, errors=[{"status": 410, "action": "reset"}])
    assert type(await failure(adapter, ask(watermark="/users/delta?t=1"))) is ResyncRequiredError


@pytest.mark.parametrize("watermark", [17, "2026-01-01", "https://elsewhere.example.com/"])
async def test_watermark_that_is_no_link_is_refused(
    server: ProviderServer, registry: AdapterRegistry, watermark: str | int
) -> None:
    """One that another version of the document left behind leads nowhere."""
    error = await failure(graph(registry, server), ask(watermark=watermark))
    assert type(error) is ProviderContractError
    assert server.requests == []


async def test_field_that_is_null_marks_no_deletion(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """`present` asks for a value: living records often have the field too."""
    server.faults.append(raw_json(b'[{"id":1,"meta":{"gone":null}},{"id":2,"meta":{"gone":0}},{"id":3}]'))
    adapter = open_adapter(registry, server.url, rest_of({"deleted": {"present": "meta.gone"}}))
    page = await adapter.fetch_page(ask())
    assert [record.deleted for record in page.records] == [False, True, False]
