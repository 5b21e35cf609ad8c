"""What the requests about single records look like on the wire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.registry import AdapterRegistry
from shared.adapters.rest.templates import fill_json
from shared.domain.errors import DocumentTooLargeError, InvalidRequestError, RecordRejectedError
from tests.fakes.provider_server import ProviderServer
from tests.unit.adapters.rest.reading import answer, ask
from tests.unit.adapters.rest.writing import ONE, sent_form, sent_json, with_status, writable

FIELDS = {"title": "Ä", "size": {"pages": 7}, "free": True, "note": None}


async def test_every_request_has_its_method_and_place(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Ids and texts are percent-encoded; the body is the record where the document has none."""
    adapter = writable(registry, server)
    server.faults.extend(
        [answer({"id": 1}), answer({"id": 1}), answer({"id": 1}), with_status(204), answer([])]
    )
    await adapter.get("thing", "a/b c")
    await adapter.create("thing", FIELDS, "k")
    assert sent_json(server) == FIELDS
    await adapter.update("thing", "1", FIELDS, 5)
    assert sent_json(server) == FIELDS
    await adapter.delete("thing", "1", 5)
    await adapter.search("thing", "x&y", 5)
    assert [f"{request.method} {request.raw_path}" for request in server.requests] == [
        "GET /things/a%2Fb%20c",
        "POST /things",
        "PATCH /things/1",
        "DELETE /things/1",
        "GET /search?q=x%26y&limit=5",
    ]
    assert [body == b"" for body in server.bodies] == [True, False, False, True, True]


async def test_document_may_name_other_methods(server: ProviderServer, registry: AdapterRegistry) -> None:
    """Some APIs take everything by POST; without a template its body is an empty object."""
    post = {"method": "POST"}
    adapter = writable(registry, server, get={"path": ONE, **post}, delete={"path": ONE, **post})
    server.faults.extend([answer({"id": 1}), with_status(200)])
    await adapter.get("thing", "1")
    assert sent_json(server) == {}
    await adapter.delete("thing", "1", None)
    assert [request.method for request in server.requests] == ["POST", "POST"]


async def test_body_is_what_the_template_says(server: ProviderServer, registry: AdapterRegistry) -> None:
    """Whole values keep their type, texts take text, and what the record lacks is left out."""
    template = {
        "data": "{record}",
        "ids": ["{record.id}", "{record.gone}"],
        "pages": "{record.size.pages}",
        "free": "{record.free}",
        "note": "{record.note}",
        "gone": "{record.gone}",
        "deep": "{record.title.no}",
        "label": "{shelf}: {record.title} {record.size.pages} {record.free}{record.note}{record.gone}",
        "fixed": 1,
    }
    adapter = writable(registry, server, update={"path": ONE, "json": template})
    server.faults.append(with_status(204))
    await adapter.update("thing", "1", FIELDS, None)
    assert sent_json(server) == {
        "data": FIELDS,
        "ids": ["1"],
        "pages": 7,
        "free": True,
        "note": None,
        "label": "s 1: Ä 7 true",
        "fixed": 1,
    }


async def test_form_holds_texts(server: ProviderServer, registry: AdapterRegistry) -> None:
    """As JSON does, with everything as text; a key of the caller's stands among the fields."""
    key = {"parameter": "key", "in": "body"}
    adapter = writable(
        registry,
        server,
        create={"path": "/things", "form": "{record}", "idempotencyKey": key},
        update={
            "path": ONE,
            "form": {"name": "{record.title}", "none": "{record.gone}", "v": "a {record.n}"},
        },
    )
    server.faults.extend([answer({"id": 1}), with_status(204)])
    await adapter.create("thing", {"title": "a&b=c", "free": False, "n": 1.5, "note": None}, "k1")
    assert sent_form(server) == [
        ("title", "a&b=c"), ("free", "false"), ("n", "1.5"), ("note", ""), ("key", "k1")
    ]  # fmt: skip
    await adapter.update("thing", "1", {"title": "Ä", "n": 2}, None)
    assert sent_form(server) == [("name", "Ä"), ("v", "a 2")]


async def test_list_may_be_asked_by_a_form(server: ProviderServer, registry: AdapterRegistry) -> None:
    """Parameters of the body are fields of the form."""
    adapter = writable(
        registry,
        server,
        list={"method": "POST", "path": "/list", "form": {"shelf": "{shelf}"}},
        page={"parameter": "page.size", "in": "body", "max": 10},
    )
    server.faults.append(answer([]))
    await adapter.fetch_page(ask())
    assert sent_form(server) == [("shelf", "s 1"), ("page.size", "2")]


@pytest.mark.parametrize(
    ("form", "fields", "name"),
    [
        ("{record}", {"size": {"pages": 7}}, "size"),
        ({"a": "{record.tags}"}, {"tags": ["x"]}, "a"),
        ({"a": "x {record.tags}"}, {"tags": ["x"]}, "record.tags"),
    ],
)
async def test_object_in_a_form_rejects_the_record(
    server: ProviderServer, registry: AdapterRegistry, form: Any, fields: dict[str, Any], name: str
) -> None:
    """A form holds no objects; the mapping has to make text of it."""
    adapter = writable(registry, server, create={"path": "/things", "form": form})
    with pytest.raises(RecordRejectedError) as caught:
        await adapter.create("thing", fields, "k")
    assert (caught.value.code, caught.value.field) == ("not_text", name)
    assert server.requests == []


async def test_body_is_bounded(server: ProviderServer, registry: AdapterRegistry) -> None:
    """More than a document may hold is never sent, nor what JSON can't hold."""
    adapter = writable(registry, server)
    with pytest.raises(DocumentTooLargeError):
        await adapter.create("thing", {"a": "x" * 2 * 1024 * 1024}, "k")
    with pytest.raises(RecordRejectedError) as caught:
        await adapter.create("thing", {"a": 2**64}, "k")
    assert caught.value.code == "not_json"
    assert server.requests == []


@pytest.mark.parametrize("external_id", ["", ".", "..", "a\r\nb", "x" * 1001])
async def test_id_that_would_lead_elsewhere_is_refused(
    server: ProviderServer, registry: AdapterRegistry, external_id: str
) -> None:
    """Without an id, the path of one record is the path of all."""
    adapter = writable(registry, server)
    with pytest.raises(InvalidRequestError, match="A record's id must have"):
        await adapter.delete("thing", external_id, None)
    assert server.requests == []


@pytest.mark.parametrize(("text", "limit"), [("", 1), ("  ", 1), ("x" * 1001, 1), ("x", 0), ("x", 1001)])
async def test_search_is_bounded(
    server: ProviderServer, registry: AdapterRegistry, text: str, limit: int
) -> None:
    """Neither nothing nor everything is searched for."""
    with pytest.raises(InvalidRequestError, match="A search"):
        await writable(registry, server).search("thing", text, limit)


async def test_search_asks_for_no_more_than_the_api_gives(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A number stays one where it is a whole value; what comes beyond the limit is left out."""
    search = {
        "method": "POST",
        "path": "/search",
        "json": {"text": "{search.text}", "size": "{search.limit}"},
        "records": "hits",
        "max": 2,
    }
    adapter = writable(registry, server, search=search, records="items")
    server.faults.extend([answer({"hits": [{"id": 1}, {"id": 2}]}), answer({"hits": [{"id": 1}, {"id": 2}]})])
    assert len(await adapter.search("thing", "x", 5)) == 2
    assert sent_json(server) == {"text": "x", "size": 2}
    assert [found.external_id for found in await adapter.search("thing", "x", 1)] == ["1"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), json_values))
def test_values_are_never_taken_for_templates(fields: dict[str, Any]) -> None:
    """Whatever a record holds, braces too, goes out as it is."""
    assert fill_json({"data": "{record}"}, {"record": fields, "record.id": "1"}) == {"data": fields}
    whole = {"a": fields}
    assert fill_json("{record.a}", {"record": whole}) == fields
    assert fill_json("-{record.a}", {"record": {"a": "{record.id}"}}) == "-{record.id}"
