"""Opening and reading a described provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import IntegrationError
from shared.domain.integration import Integration
from shared.domain.provider import Provider
from shared.ports.adapter import NO_CREDENTIALS, Adapter, Credentials, FetchRequest, SourcePage
from tests.fakes import provider_server as faults
from tests.fakes.clock import START
from tests.fakes.provider_server import DOCUMENT


def open_adapter(
    registry: AdapterRegistry,
    url: str,
    rest: Mapping[str, Any] | None = None,
    credentials: Credentials = NO_CREDENTIALS,
) -> Adapter:
    document = {**DOCUMENT, "rest": rest} if rest else DOCUMENT
    stamps = {"createdAt": START, "updatedAt": START}
    provider = Provider.model_validate({**document, **stamps})
    integration = Integration.model_validate(
        {
            **stamps,
            "id": "i1",
            "tenantId": "acme",
            "name": "Things",
            "providerId": "things",
            "providerCategory": "test",
            "settings": {"serverUrl": url, "shelf": "s 1"},
        }
    )
    return registry.open(provider, integration, credentials)


def rest_of(entity: Mapping[str, Any], **rest: Any) -> dict[str, Any]:
    """Describe a provider whose only entity is listed at `/all`."""
    thing = {"list": {"path": "/all"}, "id": "id", **entity}
    return {"baseUrl": "{serverUrl}", "entities": {"thing": thing}, **rest}


def answer(body: Any, **headers: str) -> faults.Fault:
    return faults.raw_json(orjson.dumps(body), **headers)


def ask(
    position: Mapping[str, Any] | None = None, *, watermark: str | int | None = None, page_size: int = 2
) -> FetchRequest:
    return FetchRequest("thing", watermark, position, page_size)


async def read_all(adapter: Adapter, request: FetchRequest) -> list[SourcePage]:
    """Read page after page, each position through JSON as a checkpoint would keep it."""
    pages = [await adapter.fetch_page(request)]
    while (position := pages[-1].next_position) is not None:
        kept = orjson.loads(orjson.dumps(position))
        pages.append(await adapter.fetch_page(ask(kept, watermark=request.watermark)))
    return pages


def ids(pages: list[SourcePage]) -> list[str]:
    return [record.external_id for page in pages for record in page.records]


async def failure(adapter: Adapter, request: FetchRequest | None = None) -> IntegrationError:
    with pytest.raises(IntegrationError) as caught:
        await adapter.fetch_page(request or ask())
    return caught.value
