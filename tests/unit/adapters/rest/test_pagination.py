"""Every way to the next page, and every sign of the last, over real HTTP."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from shared.adapters.registry import AdapterRegistry
from shared.adapters.rest.links import next_link
from shared.adapters.rest.paginators import MAX_EMPTY_PAGES
from shared.domain.errors import ProviderContractError
from shared.ports.adapter import Adapter
from tests.fakes.provider_server import ProviderServer
from tests.unit.adapters.rest.reading import answer, ask, failure, ids, open_adapter, read_all, rest_of

ONE, TWO, THREE, FOUR = {"id": "1"}, {"id": "2"}, {"id": "3"}, {"id": "4"}


def paged(
    registry: AdapterRegistry, server: ProviderServer, pagination: dict[str, Any], **entity: Any
) -> Adapter:
    rest = rest_of({"records": "items", "pagination": pagination, **entity})
    return open_adapter(registry, server.url, rest)


@pytest.mark.parametrize(
    ("pagination", "headers", "body"),
    [
        ({"header": "Next-Page"}, {"Next_Page": "{url}/all?p=2"}, {}),
        ({"header": "Link"}, {"Link": '<{url}/all?p=1>; rel="prev", </all?p=2>; rel="next"'}, {}),
        ({"bodyPath": "paging.next"}, {}, {"paging": {"next": "{url}/all?p=2"}}),
        ({"bodyPath": "paging.next"}, {}, {"paging": {"next": "?p=2"}}),
        ({"bodyPath": {"jmespath": '"@next"'}}, {}, {"@next": "/all?p=2"}),
    ],
    ids=["header", "link", "body", "relative", "expression"],
)
async def test_next_url_is_followed_from_wherever_it_stands(
    server: ProviderServer,
    registry: AdapterRegistry,
    pagination: dict[str, Any],
    headers: dict[str, str],
    body: dict[str, Any],
) -> None:
    """A header, the Link header or the body tells the next page; without it, the page was the last."""
    headers = {name: value.replace("{url}", server.url) for name, value in headers.items()}
    told = orjson.loads(orjson.dumps(body).replace(b"{url}", server.url.encode()))
    server.faults.extend([answer({"items": [ONE], **told}, **headers), answer({"items": [TWO]})])
    adapter = paged(registry, server, {"kind": "nextUrl", **pagination})
    assert ids(await read_all(adapter, ask())) == ["1", "2"]
    assert server.targets == ["/all", "/all?p=2"]


@pytest.mark.parametrize("last", [None, "", " "])
async def test_empty_next_url_is_the_end(
    server: ProviderServer, registry: AdapterRegistry, last: str | None
) -> None:
    """Null and the empty text name no next page."""
    server.faults.append(answer({"items": [ONE], "next": last}))
    adapter = paged(registry, server, {"kind": "nextUrl", "bodyPath": "next"})
    assert (await adapter.fetch_page(ask())).next_position is None


@pytest.mark.parametrize("told", [5, True, {"href": "/x"}, "http://["])
async def test_next_url_of_another_type_is_refused(
    server: ProviderServer, registry: AdapterRegistry, told: Any
) -> None:
    """What can't be followed is never taken for the end."""
    server.faults.append(answer({"items": [ONE], "next": told}))
    adapter = paged(registry, server, {"kind": "nextUrl", "bodyPath": "next"})
    assert "has something at `next` that is not a URL" in str(await failure(adapter))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("<https://a.example/?p=2>; rel=next", "https://a.example/?p=2"),
        ('</a,b?p=2>; title="a, <b>; rel=x"; rel="NEXT"', "/a,b?p=2"),
        ('</1>; rel="first", </2>; rel="last next"', "/2"),
        ('</1>; rel="prev"; rel="next"', None),
        ("</1>; rel=nextish, </2>", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_link_header_is_read_by_its_relation(header: str, expected: str | None) -> None:
    """Commas and semicolons inside targets and quotes don't count; a link's first rel does."""
    assert next_link(header) == expected


async def test_several_link_headers_are_one_list(server: ProviderServer, registry: AdapterRegistry) -> None:
    """A header that comes several times means the same as one with commas."""

    async def twice(request: Any) -> Any:
        response = await answer({"items": [ONE]}, Link="</all>; rel=first")(request)
        response.headers.add("Link", "</all?p=2>; rel=next")
        return response

    server.faults.extend([twice, answer({"items": [TWO]})])
    adapter = paged(registry, server, {"kind": "nextUrl", "header": "Link"})
    assert ids(await read_all(adapter, ask())) == ["1", "2"]


@pytest.mark.parametrize("end", [{}, {"next": None}, {"next": ""}])
async def test_cursor_goes_out_as_a_query_parameter(
    server: ProviderServer, registry: AdapterRegistry, end: dict[str, Any]
) -> None:
    """The cursor of a page asks for the next, beside the other parameters; none, null or nothing ends."""
    server.faults.extend([answer({"items": [ONE], "next": "a/b="}), answer({"items": [TWO], **end})])
    adapter = paged(
        registry,
        server,
        {"kind": "cursor", "bodyPath": "next", "parameter": "cursor"},
        page={"parameter": "limit", "max": 50},
    )
    assert ids(await read_all(adapter, ask())) == ["1", "2"]
    assert server.targets == ["/all?limit=2", "/all?limit=2&cursor=a%2Fb%3D"]


async def test_cursor_in_a_header(server: ProviderServer, registry: AdapterRegistry) -> None:
    """A cursor may come in a header."""
    server.faults.extend([answer({"items": [ONE]}, X_Next="c2"), answer({"items": [TWO]})])
    adapter = paged(registry, server, {"kind": "cursor", "header": "X-Next", "parameter": "c"})
    assert ids(await read_all(adapter, ask())) == ["1", "2"]
    assert server.targets == ["/all", "/all?c=c2"]


async def test_parameters_go_into_a_json_body(server: ProviderServer, registry: AdapterRegistry) -> None:
    """A search by POST takes cursor, page size and increment at paths in its body, numbers as numbers."""
    listing = {"method": "POST", "path": "/search", "json": {"filter": {"shelf": "{shelf}"}, "limits": {}}}
    server.faults.extend([answer({"items": [ONE], "next": 7}), answer({"items": [TWO]})])
    adapter = paged(
        registry,
        server,
        {"kind": "cursor", "bodyPath": "next", "parameter": "page.after", "in": "body"},
        list=listing,
        page={"parameter": "limits.size", "in": "body", "max": 50},
        increment={"parameter": "since", "in": "body", "field": "at", "type": "integer", "inclusive": True},
    )
    await read_all(adapter, ask(watermark=5))
    first = {"filter": {"shelf": "s 1"}, "limits": {"size": 2}, "since": 5}
    assert [orjson.loads(body) for body in server.bodies] == [first, {**first, "page": {"after": 7}}]
    assert server.targets == ["/search", "/search"]
    assert server.requests[0].headers["Content-Type"] == "application/json"


async def test_page_numbers_count_until_a_page_is_empty(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A short page is no end by itself: some APIs filter after paging."""
    pages: list[list[dict[str, str]]] = [[ONE, TWO], [THREE], []]
    server.faults.extend([answer({"items": items}) for items in pages])
    adapter = paged(registry, server, {"kind": "pageNumber", "parameter": "page", "stable": True})
    assert ids(await read_all(adapter, ask())) == ["1", "2", "3"]
    assert server.targets == ["/all", "/all?page=2", "/all?page=3"]


async def test_page_is_read_again_after_the_next(server: ProviderServer, registry: AdapterRegistry) -> None:
    """What moved up from it meanwhile is found, and what came before does not come twice."""
    pages: list[list[dict[str, str]]] = [[ONE, TWO], [FOUR], [TWO, THREE], [FOUR], [TWO, THREE]]
    server.faults.extend([answer({"items": items, "total": 3}) for items in pages])
    end = {"total": "total"}
    adapter = paged(registry, server, {"kind": "pageNumber", "parameter": "page", "end": end})
    assert ids(await read_all(adapter, ask())) == ["1", "2", "4", "3", "4"]
    assert server.targets == ["/all", "/all?page=2", "/all?page=1", "/all?page=2", "/all?page=1"]


async def test_first_page_number_is_the_documents(server: ProviderServer, registry: AdapterRegistry) -> None:
    """APIs that count from zero say so."""
    server.faults.extend([answer({"items": [ONE]}), answer({"items": []}), answer({"items": [ONE]})])
    await read_all(paged(registry, server, {"kind": "pageNumber", "parameter": "page", "first": 0}), ask())
    assert server.targets == ["/all", "/all?page=1", "/all?page=0"]


async def test_offset_goes_on_after_what_came(server: ProviderServer, registry: AdapterRegistry) -> None:
    """One record early, without a gap where the API gives fewer records than asked for."""
    server.faults.extend([answer({"items": items}) for items in ([ONE], [TWO, THREE], [THREE], [])])
    adapter = paged(
        registry,
        server,
        {"kind": "offset", "parameter": "skip"},
        page={"parameter": "top", "max": 9},
    )
    assert ids(await read_all(adapter, ask())) == ["1", "2", "3"]
    assert [target.partition("skip=")[2] for target in server.targets] == ["", "1", "2", "3"]


@pytest.mark.parametrize(
    ("end", "bodies"),
    [
        ({"shortPage": True}, [{"items": [ONE, TWO]}, {"items": [THREE]}]),
        ({"done": "done"}, [{"items": [ONE, TWO], "done": False}, {"items": [THREE], "done": True}]),
        ({"more": "has_more"}, [{"items": [ONE, TWO], "has_more": True}, {"items": [], "has_more": False}]),
        ({"total": "n"}, [{"items": [ONE, TWO], "n": 3}, {"items": [THREE], "n": 3}]),
        ({"total": "n"}, [{"items": [ONE, TWO], "n": 9}, {"items": [THREE], "n": 2}]),
        ({"emptyPage": True}, [{"items": [ONE, TWO]}, {"items": []}]),
    ],
    ids=["short page", "done", "more", "total", "shrinking total", "empty page"],
)
@pytest.mark.parametrize("kind", ["cursor", "pageNumber", "offset"])
async def test_end_condition_ends(
    server: ProviderServer,
    registry: AdapterRegistry,
    kind: str,
    end: dict[str, Any],
    bodies: list[dict[str, Any]],
) -> None:
    """The page that fits the condition is the last, though the next could be asked for."""
    server.faults.extend([answer({**body, "next": f"c{i}"}) for i, body in enumerate(bodies)])
    place: dict[str, Any] = {"bodyPath": "next"} if kind == "cursor" else {"stable": True}
    adapter = paged(
        registry,
        server,
        {"kind": kind, "parameter": "p", "end": end, **place},
        page={"parameter": "top", "max": 9},
    )
    assert len(await read_all(adapter, ask())) == 2


@pytest.mark.parametrize(
    ("end", "told", "message"),
    [
        ({"done": "done"}, {"done": "no"}, "has neither true nor false at `done`; correct `end.done`"),
        ({"more": "more"}, {"more": 1}, "has neither true nor false at `more`; correct `end.more`"),
        ({"total": "n"}, {"n": "3"}, "has no whole number at `n`; correct `end.total`"),
        ({"more": "more"}, {"more": True}, "says that there is more, but not where"),
        ({"done": "done"}, {"done": False}, "says that there is more, but not where"),
    ],
)
async def test_contradictory_end_is_refused(
    server: ProviderServer,
    registry: AdapterRegistry,
    end: dict[str, Any],
    told: dict[str, Any],
    message: str,
) -> None:
    """A page that may not be the last is never taken for it."""
    server.faults.append(answer({"items": [ONE], **told}))
    cursor = {"kind": "cursor", "bodyPath": "next", "parameter": "c", "end": end}
    assert message in str(await failure(paged(registry, server, cursor)))


async def test_missing_end_condition_leaves_it_to_the_cursor(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """An answer that says nothing of the end goes on as long as it names a next page."""
    server.faults.extend([answer({"items": [ONE], "next": "b"}), answer({"items": [TWO]})])
    cursor = {"kind": "cursor", "bodyPath": "next", "parameter": "c", "end": {"more": "more", "total": "n"}}
    assert ids(await read_all(paged(registry, server, cursor), ask())) == ["1", "2"]


@pytest.mark.parametrize(
    "pagination",
    [
        {"kind": "cursor", "bodyPath": "next", "parameter": "p"},
        {"kind": "nextUrl", "bodyPath": "next"},
    ],
    ids=["cursor", "url"],
)
async def test_repeated_position_is_refused(
    server: ProviderServer, registry: AdapterRegistry, pagination: dict[str, Any]
) -> None:
    """A page that names itself as the next one ends the run with the reason, not in a loop."""
    server.faults.extend([answer({"items": [ONE], "next": "?p=2"})] * 3)
    adapter = paged(registry, server, pagination)
    position = (await adapter.fetch_page(ask())).next_position
    error = await failure(adapter, ask(position))
    assert type(error) is ProviderContractError
    assert "names itself as its next page: reading on would never end" in str(error)


@pytest.mark.parametrize(
    "pagination",
    [
        {"kind": "cursor", "bodyPath": "next", "parameter": "p"},
        {"kind": "nextUrl", "bodyPath": "next"},
    ],
    ids=["cursor", "url"],
)
@pytest.mark.parametrize("length", [2, 3, 7])
async def test_circle_of_pages_is_refused(
    server: ProviderServer, registry: AdapterRegistry, pagination: dict[str, Any], length: int
) -> None:
    """However long the circle and the way to it, reading it ends with the reason."""
    ring = [f"?p=c{number}" for number in range(length)]
    told = ["?p=a", "?p=b", *ring * 20]
    server.faults.extend([answer({"items": [ONE], "next": each}) for each in told])
    with pytest.raises(ProviderContractError, match=f"leads back to a page read {length} pages ago"):
        await read_all(paged(registry, server, pagination), ask())
    assert len(server.requests) < 5 * (length + 2)


async def test_endless_empty_pages_are_refused(server: ProviderServer, registry: AdapterRegistry) -> None:
    """After a thousand pages without a record in a row, the provider is not believed any more."""
    cursor = {"kind": "cursor", "bodyPath": "next", "parameter": "p"}
    adapter = paged(registry, server, cursor)
    server.faults.extend([answer({"items": [], "next": "c"})] * 2)
    before = {"cursor": "b", "empty": MAX_EMPTY_PAGES - 2}
    position = (await adapter.fetch_page(ask(before))).next_position
    assert position is not None
    assert position["empty"] == MAX_EMPTY_PAGES - 1
    error = await failure(adapter, ask({**position, "cursor": "d"}))
    assert "gave 1000 pages without a record in a row" in str(error)


async def test_a_record_ends_the_row_of_empty_pages(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Only pages in a row count."""
    server.faults.append(answer({"items": [ONE], "next": "c"}))
    adapter = paged(registry, server, {"kind": "cursor", "bodyPath": "next", "parameter": "p"})
    page = await adapter.fetch_page(ask({"cursor": "b", "empty": 500}))
    assert page.next_position is not None
    assert "empty" not in page.next_position


@pytest.mark.parametrize(
    ("pagination", "position"),
    [
        ({"kind": "cursor", "bodyPath": "next", "parameter": "p"}, {"cursor": None}),
        ({"kind": "cursor", "bodyPath": "next", "parameter": "p"}, {"page": 2}),
        ({"kind": "pageNumber", "parameter": "p"}, {"page": "2"}),
        ({"kind": "offset", "parameter": "p"}, {"url": "/x"}),
        ({"kind": "nextUrl", "bodyPath": "next"}, {"cursor": "x"}),
        ({"kind": "none"}, {"page": 2}),
    ],
)
async def test_position_of_another_kind_is_refused(
    server: ProviderServer, registry: AdapterRegistry, pagination: dict[str, Any], position: dict[str, Any]
) -> None:
    """A change of the pagination between two pages is noticed before anything is asked for."""
    error = await failure(paged(registry, server, pagination), ask(position))
    assert "The saved position does not fit the provider's document" in str(error)
    assert server.requests == []
