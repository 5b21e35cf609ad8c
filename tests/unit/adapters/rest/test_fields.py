"""Asking for no more of a record than is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.adapters.rest.fields import LONGEST_SELECTION
from tests.fakes.provider_server import ProviderServer
from tests.unit.adapters.rest.reading import answer, ask, open_adapter, rest_of

READ = frozenset({"name", "address.city", "_parent.id"})


async def target_of(
    server: ProviderServer,
    registry: AdapterRegistry,
    selection: dict[str, Any],
    fields: frozenset[str] | None = READ,
    **entity: Any,
) -> str:
    server.faults.append(answer([]))
    rest = rest_of({"fields": {"parameter": "fields", **selection}, **entity})
    await open_adapter(registry, server.url, rest).fetch_page(replace(ask(), fields=fields))
    return server.targets[-1]


@pytest.mark.parametrize(
    ("selection", "sent"),
    [
        ({}, "?fields=address.city%2Cid%2Cname"),
        ({"separator": " "}, "?fields=address.city%20id%20name"),
        ({"separator": None}, "?fields=address.city&fields=id&fields=name"),
        ({"always": ["version"]}, "?fields=address.city%2Cid%2Cname%2Cversion"),
        ({"always": ["address"]}, "?fields=address%2Cid%2Cname"),
        ({"style": "topLevel"}, "?fields=address%2Cid%2Cname"),
    ],
)
async def test_mapped_fields_are_named(
    server: ProviderServer, registry: AdapterRegistry, selection: dict[str, Any], sent: str
) -> None:
    """As the API wants them, with the id, and without what the adapter adds itself."""
    assert await target_of(server, registry, selection) == f"/all{sent}"


async def test_fields_that_the_document_reads_are_named_too(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Without them a record would have no change time, mark or watermark."""
    target = await target_of(
        server,
        registry,
        {},
        modified="meta.at",
        version="meta.rev",
        deleted={"present": "meta.gone"},
        increment={"parameter": "since", "field": "seq", "type": "integer"},
    )
    assert target == "/all?fields=address.city%2Cid%2Cmeta.at%2Cmeta.gone%2Cmeta.rev%2Cname%2Cseq"


async def test_fields_of_expressions_are_named_too(server: ProviderServer, registry: AdapterRegistry) -> None:
    """As far as a path leads; a list that one looks into comes whole."""
    target = await target_of(
        server,
        registry,
        {},
        modified={"jmespath": "meta.at || created"},
        deleted={"jmespath": "flags[?name == 'gone'] | length(@) > `0`"},
    )
    assert target == "/all?fields=address.city%2Ccreated%2Cflags%2Cid%2Cmeta.at%2Cname"


async def test_selection_goes_into_the_body_as_a_list(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Of a POST, where `in` says so."""
    where = {"in": "body", "parameter": "query.fields", "separator": None}
    await target_of(server, registry, where, list={"path": "/all", "method": "POST"})
    assert server.bodies == [b'{"query":{"fields":["address.city","id","name"]}}']


@pytest.mark.parametrize(
    ("fields", "entity"),
    [
        (None, {}),
        (READ, {"modified": {"jmespath": "max(values(@))"}}),
        (frozenset({"a" * LONGEST_SELECTION}), {}),
    ],
    ids=["not known", "any field", "too long"],
)
async def test_everything_comes_where_fields_can_not_be_named(
    server: ProviderServer, registry: AdapterRegistry, fields: frozenset[str] | None, entity: dict[str, Any]
) -> None:
    """A record that lacks something would be worse than one that has too much."""
    assert await target_of(server, registry, {}, fields, **entity) == "/all"
