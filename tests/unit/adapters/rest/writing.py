"""A described provider whose records can be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from shared.adapters.registry import AdapterRegistry
from shared.ports.adapter import Adapter
from tests.fakes import provider_server as faults
from tests.fakes.provider_server import ProviderServer
from tests.unit.adapters.rest.reading import open_adapter, rest_of

ONE = "/things/{record.id}"
REQUESTS: dict[str, Any] = {
    "get": {"path": ONE},
    "create": {"path": "/things"},
    "update": {"path": ONE},
    "delete": {"path": ONE},
    "search": {"path": "/search", "query": {"q": "{search.text}", "limit": "{search.limit}"}},
}


def writable(
    registry: AdapterRegistry, server: ProviderServer, rest: Mapping[str, Any] | None = None, **entity: Any
) -> Adapter:
    """Open a provider with all requests, or with others in their place."""
    return open_adapter(registry, server.url, rest_of({**REQUESTS, **entity}, **(rest or {})))


def with_status(code: int, body: Any = None, **headers: str) -> faults.Fault:
    content = b"" if body is None else orjson.dumps(body)

    async def respond(request: Any) -> Any:
        response = await faults.raw_json(content, **headers)(request)
        response.set_status(code)
        return response

    return respond


def sent_json(server: ProviderServer) -> Any:
    """Return the last body."""
    return orjson.loads(server.bodies[-1])


def sent_form(server: ProviderServer) -> list[tuple[str, str]]:
    """Return the last body's fields, in order."""
    assert server.requests[-1].content_type == "application/x-www-form-urlencoded"
    return parse_qsl(server.bodies[-1].decode(), keep_blank_values=True, strict_parsing=True)
