"""What comes of the requests about single records."""

from __future__ import annotations

from typing import Any

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import (
    ConfigurationError,
    IntegrationError,
    ProviderContractError,
    RecordConflictError,
    RecordMissingError,
    RecordRejectedError,
)
from shared.ports.adapter import Adapter, Operation, SourceRecord
from tests.fakes import provider_server as faults
from tests.fakes.provider_server import ProviderServer
from tests.unit.adapters.rest.reading import answer, ask, open_adapter, rest_of
from tests.unit.adapters.rest.writing import ONE, sent_json, with_status, writable

TAGGED: dict[str, Any] = {
    "version": {"header": "ETag"},
    "update": {"path": ONE, "condition": {"header": "If-Match"}},
    "delete": {"path": ONE, "condition": {"header": "If-Match"}},
}
CALLS: tuple[Operation, ...] = ("get", "create", "update", "delete", "search")


async def call(adapter: Adapter, operation: Operation, external_id: str = "1") -> Any:
    match operation:
        case "get":
            return await adapter.get("thing", external_id)
        case "create":
            return await adapter.create("thing", {"name": "Ada"}, "k")
        case "update":
            return await adapter.update("thing", external_id, {"name": "Ada"}, "v1")
        case "delete":
            return await adapter.delete("thing", external_id, "v1")
        case "search":
            return await adapter.search("thing", "x", 5)


async def failure(adapter: Adapter, operation: Operation, external_id: str = "1") -> IntegrationError:
    with pytest.raises(IntegrationError) as caught:
        await call(adapter, operation, external_id)
    return caught.value


@pytest.mark.parametrize("operation", ["get", "create", "update"])
async def test_answer_has_the_record(
    server: ProviderServer, registry: AdapterRegistry, operation: Operation
) -> None:
    """Where the entity says, or where the request itself does; with the version that the next write needs."""
    stamps: dict[str, Any] = {"modified": "at", "deleted": "gone", "version": "rev"}
    item = {"id": 7, "at": "2026", "gone": False, "rev": 3}
    expected = SourceRecord("7", item, "2026", version=3)
    server.faults.extend([answer(item), answer({"data": item}), answer({"own": item, "data": 1})])
    assert await call(writable(registry, server, **stamps), operation) == expected
    assert await call(writable(registry, server, record="data", **stamps), operation) == expected
    own: dict[str, Any] = {operation: {"path": "/x" if operation == "create" else ONE, "record": "own"}}
    assert await call(writable(registry, server, record="data", **stamps, **own), operation) == expected


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("result.newId", with_status(201, {"result": {"newId": "a b"}}, ETag='"1"')),
        (
            {"header": "Location"},
            with_status(201, Location="http://x.example/things/a%20b?v=1/2", ETag='"1"'),
        ),
        ({"header": "Location"}, with_status(201, Location="/things/a%20b/", ETag='"1"')),
        ({"header": "X-Id"}, with_status(201, X_Id="a b", ETag='"1"')),
    ],
    ids=["body", "location", "relative location", "header"],
)
async def test_answer_to_a_create_may_tell_only_the_id(
    server: ProviderServer, registry: AdapterRegistry, place: Any, fault: faults.Fault
) -> None:
    """Without a record in the answer, its id is enough to go on with."""
    create = {"path": "/things", "id": place}
    adapter = writable(registry, server, version={"header": "ETag"}, create=create)
    server.faults.append(fault)
    assert await adapter.create("thing", {}, "k") == SourceRecord("a b", {}, version='"1"')


async def test_version_may_be_in_a_header(server: ProviderServer, registry: AdapterRegistry) -> None:
    """An entity tag goes back as it came, weak or strong; a list tells none."""
    adapter = writable(registry, server, **TAGGED)
    server.faults.extend([answer({"id": 1}, ETag='W/"a"'), with_status(204, ETag='"b"'), with_status(204)])
    got = await adapter.get("thing", "1")
    assert got == SourceRecord("1", {"id": 1}, version='W/"a"')
    changed = await adapter.update("thing", "1", {}, got.version)
    assert changed == SourceRecord("1", {}, version='"b"')
    await adapter.delete("thing", "1", changed.version)
    assert [request.headers.get("If-Match") for request in server.requests] == [None, 'W/"a"', '"b"']
    server.faults.append(answer([{"id": 1}], ETag='"page"'))
    assert (await adapter.fetch_page(ask())).records == [SourceRecord("1", {"id": 1})]


@pytest.mark.parametrize(
    ("condition", "version", "headers", "query", "body"),
    [
        ({"header": "If-Match", "quoted": True}, 5, {"If-Match": '"5"'}, "", {"name": "Ada"}),
        ({"header": "If-Match"}, 5, {"If-Match": "5"}, "", {"name": "Ada"}),
        ({"parameter": "rev"}, "a&b", {}, "rev=a%26b", {"name": "Ada"}),
        ({"parameter": "meta.rev", "in": "body"}, 5, {}, "", {"name": "Ada", "meta": {"rev": 5}}),
        (
            {"header": "If-Unmodified-Since", "format": "%a, %d %b %Y %H:%M:%S GMT"},
            "2026-01-02T03:04:05.678+01:00",
            {"If-Unmodified-Since": "Fri, 02 Jan 2026 02:04:05 GMT"},
            "",
            {"name": "Ada"},
        ),
        ({"header": "If-Match"}, None, {}, "", {"name": "Ada"}),
    ],
    ids=["quoted", "plain", "query", "body", "time", "unknown"],
)
async def test_condition_says_the_known_version(
    server: ProviderServer,
    registry: AdapterRegistry,
    condition: dict[str, Any],
    version: str | int | None,
    headers: dict[str, str],
    query: str,
    body: dict[str, Any],
) -> None:
    """It goes where the document says; who knows none writes over any."""
    adapter = writable(registry, server, version="rev", update={"path": ONE, "condition": condition})
    server.faults.append(with_status(204))
    await adapter.update("thing", "1", {"name": "Ada"}, version)
    (request,) = server.requests
    assert {name: request.headers[name] for name in request.headers if name.startswith("If-")} == headers
    assert (request.query_string, sent_json(server)) == (query, body)


async def test_version_that_a_template_needs_must_be_known(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Reading the record tells it."""
    update = {"path": ONE, "json": {"version": "{record.version}", "fields": "{record}"}}
    adapter = writable(registry, server, version="rev", update=update)
    with pytest.raises(RecordConflictError, match="needs the record's version; read it again"):
        await adapter.update("thing", "1", {}, None)
    server.faults.append(with_status(204))
    await adapter.update("thing", "1", {}, 5)
    assert sent_json(server) == {"version": 5, "fields": {}}


async def test_version_that_is_no_time_is_a_conflict(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A version from before the document was changed can't be sent as a time."""
    condition = {"header": "If-Unmodified-Since", "format": "%Y"}
    adapter = writable(registry, server, version="rev", update={"path": ONE, "condition": condition})
    with pytest.raises(RecordConflictError, match="is not a time"):
        await adapter.update("thing", "1", {}, 5)


async def test_version_of_another_type_is_a_breach_of_contract(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Nothing is guessed about what a provider compares."""
    server.faults.append(answer({"id": 1, "rev": 1.5}))
    error = await failure(writable(registry, server, version="rev"), "get")
    assert str(error) == (
        "The record in an answer for entity thing has no text or whole number at `rev`;"
        " correct the provider's document."
    )


@pytest.mark.parametrize("code", [404, 410])
async def test_record_that_is_not_there(server: ProviderServer, registry: AdapterRegistry, code: int) -> None:
    """Nothing is found, a delete is done, and an update has to be decided anew."""
    adapter = writable(registry, server)
    server.faults.extend([with_status(code)] * 3)
    assert await adapter.get("thing", "1") is None
    await adapter.delete("thing", "1", None)
    assert type(await failure(adapter, "update")) is RecordMissingError


async def test_place_for_new_records_that_is_not_there_is_no_missing_record(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A create and a search are about no record that could be gone: the path is wrong."""
    server.faults.extend([with_status(404)] * 2)
    adapter = writable(registry, server)
    assert type(await failure(adapter, "create")) is ProviderContractError
    assert type(await failure(adapter, "search")) is ProviderContractError


@pytest.mark.parametrize("operation", ["create", "update", "delete"])
async def test_failed_precondition_is_a_conflict(
    server: ProviderServer, registry: AdapterRegistry, operation: Operation
) -> None:
    """412 needs no rule."""
    server.faults.append(with_status(412))
    error = await failure(writable(registry, server), operation)
    assert type(error) is RecordConflictError
    assert len(server.requests) == 1


async def test_rules_about_records_come_before_the_status(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Each action is one of the caller's next moves, also in an answer with status 200."""
    rules = [
        {"status": 409, "action": "conflict"},
        {"status": 422, "action": "reject"},
        {"bodyPath": "error", "equals": "gone", "action": "notFound"},
        {"status": 404, "bodyPath": "moved", "action": "permanent"},
    ]
    adapter = writable(registry, server, {"errors": rules})
    server.faults.extend([with_status(409), with_status(422), answer({"error": "gone"})])
    assert type(await failure(adapter, "update")) is RecordConflictError
    rejected = await failure(adapter, "create")
    assert isinstance(rejected, RecordRejectedError)
    assert rejected.code == "provider_rejected"
    assert await adapter.get("thing", "1") is None
    server.faults.append(with_status(404, {"moved": True}))
    assert (await failure(adapter, "get")).code == "permanent_failure"


async def test_rules_about_records_leave_lists_and_searches_alone(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A page is no single record that could be put aside."""
    adapter = writable(registry, server, {"errors": [{"status": 422, "action": "reject"}]})
    server.faults.extend([with_status(422)] * 2)
    with pytest.raises(ProviderContractError):
        await adapter.fetch_page(ask())
    assert type(await failure(adapter, "search")) is ProviderContractError


@pytest.mark.parametrize("operation", ["create", "update", "delete", "get"])
@pytest.mark.parametrize("code", [400, 403, 409, 412, 422, 500])
async def test_messages_tell_no_value_of_the_record(
    server: ProviderServer, registry: AdapterRegistry, operation: Operation, code: int
) -> None:
    """Answers repeat what they refuse, and an id may be a person's address: neither is shown."""
    rules = [{"status": 422, "action": "reject"}, {"status": 400, "action": "permanent"}]
    server.faults.extend([with_status(code, {"message": "Ada is not valid"})] * 3)
    rest = {"errors": rules, "errorMessage": {"bodyPath": "message"}}
    error = await failure(writable(registry, server, rest), operation, "ada@example.com")
    assert "Ada" not in str(error)
    assert "example.com" not in str(error)
    if operation != "create" and not isinstance(error, RecordRejectedError):
        assert "/things/{record.id}" in str(error)


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ("get", faults.html("<h1>Please log in</h1>")),
        ("update", faults.html("<h1>Please log in</h1>")),
        ("delete", faults.html("<h1>Please log in</h1>")),
        ("get", with_status(200)),
        ("get", answer(None)),
        ("get", answer([1])),
        ("update", answer({"name": "x"})),
    ],
)
async def test_answer_of_another_shape_is_a_breach_of_contract(
    server: ProviderServer, registry: AdapterRegistry, operation: Operation, fault: faults.Fault
) -> None:
    """A page for people is not taken for a success, whatever its status."""
    server.faults.append(fault)
    error = await failure(writable(registry, server), operation)
    assert type(error) is ProviderContractError
    assert "log in" not in str(error)


@pytest.mark.parametrize("fault", [with_status(204), answer(None), with_status(200, {"other": 1})])
async def test_update_needs_no_record_in_its_answer(
    server: ProviderServer, registry: AdapterRegistry, fault: faults.Fault
) -> None:
    """The id is known, and that is all that is."""
    server.faults.append(fault)
    adapter = writable(registry, server, record="data")
    assert await adapter.update("thing", "1", {}, None) == SourceRecord("1", {})


async def test_record_that_is_nowhere_is_named_by_its_place(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Who wrote the document learns which key to correct."""
    server.faults.append(answer({"item": {}}))
    assert str(await failure(writable(registry, server, record="data"), "get")) == (
        "The answer for entity thing has no record at `data`; correct `record` in the provider's document."
    )


async def test_operations_are_those_of_the_document(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A caller can ask first; who does not is told what is missing."""
    assert writable(registry, server).operations("thing") == set(CALLS)
    bare = open_adapter(registry, server.url, rest_of({"get": {"path": ONE}}))
    assert bare.operations("thing") == {"get"}
    for operation in ("create", "update", "delete", "search"):
        error = await failure(bare, operation)
        assert type(error) is ConfigurationError
        assert str(error) == (
            f"Entity thing has no `{operation}` request; add it to the provider's document."
        )
    with pytest.raises(ConfigurationError, match="has no entity widget"):
        bare.operations("widget")
