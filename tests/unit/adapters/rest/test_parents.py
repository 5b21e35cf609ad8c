"""Records that are listed for each record of another entity."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import ProviderContractError, UnavailableError
from shared.ports.adapter import Adapter, SourcePage
from tests.fakes.blog import REST, SENT_AT_SECONDS, Blog, post
from tests.fakes.clock import FakeClock
from tests.fakes.provider_server import ProviderServer, provider_server, status
from tests.unit.adapters.rest.reading import ask, failure, ids, open_adapter, read_all

BEFORE = SENT_AT_SECONDS - 1_000
TIMEOUT_SECONDS = 30


def comment(key: int, at: int = BEFORE) -> dict[str, Any]:
    return {"id": key, "at": at}


def blog_rest(child: dict[str, Any] | None = None, parent: dict[str, Any] | None = None) -> dict[str, Any]:
    """Describe the blog, with other keys in its entities; None takes a key away."""
    rest = deepcopy(REST)
    for name, keys in (("thing", child or {}), ("post", parent or {})):
        entity = {**rest["entities"][name], **keys}
        rest["entities"][name] = {key: value for key, value in entity.items() if value is not None}
    return rest


def opened(
    registry: AdapterRegistry, server: ProviderServer, blog: Blog, rest: dict[str, Any] | None = None
) -> Adapter:
    server.handler = blog.answer
    return open_adapter(registry, server.url, rest or REST)


def three_posts() -> Blog:
    return Blog({"p1": [comment(1), comment(2), comment(3)], "p2": [], "p:3": [comment(1)]})


async def test_children_come_with_their_parent(server: ProviderServer, registry: AdapterRegistry) -> None:
    """Each has what its request names of the parent under `_parent`, and an id of its own."""
    pages = await read_all(opened(registry, server, three_posts()), ask())
    assert ids(pages) == ["p1:1", "p1:2", "p%3A3:1", "p1:3"]
    assert pages[0].records[0].data == {
        "id": 1,
        "at": BEFORE,
        "_parent": {"id": "p1", "author": {"name": "author of p1"}},
    }
    assert server.targets[0] == "/posts?limit=100"
    assert "/posts/p1/comments?by=author%20of%20p1&limit=2&skip=2" in server.targets
    assert server.targets.count("/posts/p2/comments?by=author%20of%20p2&limit=2") == 1


async def test_ids_may_be_unique_by_themselves(server: ProviderServer, registry: AdapterRegistry) -> None:
    """Without `idIncludesParent` they stay as they are."""
    rest = blog_rest({"parent": {"entity": "post"}})
    pages = await read_all(opened(registry, server, three_posts(), rest), ask())
    assert ids(pages) == ["1", "2", "1", "3"]


@given(
    sizes=st.lists(st.integers(0, 7), max_size=14),
    page_size=st.integers(1, 9),
    largest=st.integers(1, 5),
    known_size=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_every_child_comes_once(sizes: list[int], page_size: int, largest: int, known_size: bool) -> None:
    """Whatever the pages of parents and children are, and though each page is asked for by a new process."""
    blog = Blog({f"p{n}": [comment(m) for m in range(size)] for n, size in enumerate(sizes)})
    blog.largest = largest
    rest = blog_rest({}, {"page": {"parameter": "limit", "max": largest} if known_size else None})
    rest["entities"]["post"]["pagination"].pop("end")
    pages = asyncio.run(read_afresh(blog, rest, page_size))
    expected = sorted(f"p{n}:{m}" for n, size in enumerate(sizes) for m in range(size))
    assert sorted(ids(pages)) == expected


async def read_afresh(blog: Blog, rest: dict[str, Any], page_size: int) -> list[SourcePage]:
    """Read all pages, each with an adapter of its own."""
    async with provider_server() as server:
        pages: list[SourcePage] = []
        position: Any = None
        while not pages or position is not None:
            registry = AdapterRegistry(FakeClock(), allow_private_addresses=True)
            adapter = opened(registry, server, blog, rest)
            pages.append(await adapter.fetch_page(ask(position, page_size=page_size)))
            await registry.close()
            position = orjson.loads(orjson.dumps(pages[-1].next_position))
        return pages


async def test_small_families_share_a_page(server: ProviderServer, registry: AdapterRegistry) -> None:
    """A page is filled from consecutive parents, by a bounded number of requests."""
    blog = Blog({f"p{n}": [comment(n)] for n in range(30)})
    adapter = opened(registry, server, blog)
    first = await adapter.fetch_page(ask(page_size=100))
    assert len(first.records) == 16
    assert len(server.requests) == 17
    pages = [first, await adapter.fetch_page(ask(first.next_position, page_size=100))]
    assert len(ids(pages)) == 30
    assert pages[-1].next_position is None


async def test_position_stays_small(server: ProviderServer, registry: AdapterRegistry) -> None:
    """An API that lists ten thousand parents at once is asked again for the next hundred of them."""
    blog = Blog({f"p{n}": [] for n in range(10_000)})
    blog.largest = 10_000
    rest = blog_rest({}, {"page": None, "pagination": {"kind": "none"}})
    adapter = opened(registry, server, blog, rest)
    page = await adapter.fetch_page(ask(page_size=100))
    assert len(orjson.dumps(page.next_position)) < 10_000
    for _ in range(8):
        page = await adapter.fetch_page(ask(page.next_position, page_size=100))
    asked = [target.split("/")[2] for target in server.targets if "comments" in target]
    assert asked[:120] == [f"p{n}" for n in range(120)]


async def test_parents_that_vanish_between_two_looks_leave_none_out(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Where the last parent taken is no longer on its page, the page begins anew."""
    blog = Blog({f"p{n:03}": [comment(n)] for n in range(110)})
    blog.largest = 1_000
    rest = blog_rest({}, {"page": None, "pagination": {"kind": "none"}})
    adapter = opened(registry, server, blog, rest)
    first = await adapter.fetch_page(ask(page_size=1))
    blog.posts = [each for each in blog.posts if each["id"] not in {"p000", "p099"}]
    blog.vanished = {"p000", "p099"}
    found = set(ids([first, *await read_all(adapter, ask(first.next_position))]))
    assert found >= {f"p{n:03}:{n}" for n in range(110)} - {"p099:99"}


async def test_parent_that_vanished_has_no_children(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A 404 for one parent ends only its own children."""
    blog = three_posts()
    blog.vanished = {"p1"}
    assert ids(await read_all(opened(registry, server, blog), ask())) == ["p%3A3:1"]


@pytest.mark.parametrize(("vanished", "complete"), [(set(), True), ({"p1"}, False)])
async def test_reading_without_a_parents_children_is_not_complete(
    server: ProviderServer, registry: AdapterRegistry, vanished: set[str], complete: bool
) -> None:
    """They may still be there: nothing is swept by it, however many pages came after."""
    blog = three_posts()
    blog.vanished = vanished
    pages = await read_all(opened(registry, server, blog), ask(page_size=1))
    assert pages[-1].complete is complete


async def test_parents_are_asked_for_under_their_own_limits(
    server: ProviderServer, registry: AdapterRegistry, clock: FakeClock
) -> None:
    """What the children's API allows says nothing about the parents'."""
    rest = blog_rest({"limits": {"requestsPerMinute": 100}}, {"limits": {"requestsPerMinute": 1}})
    for _ in range(2):
        await read_all(opened(registry, server, three_posts(), rest), ask())
    assert sum(clock.slept) == 60.0


async def test_rule_about_a_404_comes_first(server: ProviderServer, registry: AdapterRegistry) -> None:
    """A document may say that it means something else."""
    blog = three_posts()
    blog.vanished = {"p1"}
    rest = {**REST, "errors": [{"status": 404, "action": "permanent"}]}
    assert "failed, and will fail again" in str(await failure(opened(registry, server, blog, rest)))


async def test_deleted_parents_are_passed_over(server: ProviderServer, registry: AdapterRegistry) -> None:
    """A tombstone among the parents has no children to ask for."""
    blog = three_posts()
    blog.posts[0]["gone"] = True
    assert ids(await read_all(opened(registry, server, blog), ask())) == ["p%3A3:1"]


async def test_what_came_before_a_failure_is_kept(server: ProviderServer, registry: AdapterRegistry) -> None:
    """The parent whose request failed is asked again with the next page, the others are not."""
    blog = Blog({f"p{n}": [comment(n)] for n in range(6)})
    adapter = opened(registry, server, blog)
    answer = blog.answer
    broken = {"/posts/p2/comments"}

    async def failing(request: Any) -> Any:
        if request.path in broken:
            broken.discard(request.path)
            return await status(503)(request)
        return await answer(request)

    server.handler = failing
    first = await adapter.fetch_page(ask(page_size=100))
    assert ids([first]) == ["p0:0", "p1:1", "p3:3"]
    assert ids(await read_all(adapter, ask(first.next_position))) == ["p2:2", "p4:4", "p5:5"]


async def test_failure_of_everything_is_told(server: ProviderServer, registry: AdapterRegistry) -> None:
    """A page that has nothing is tried again, and then the failure goes up."""
    adapter = opened(registry, server, three_posts())
    server.handler = status(503)
    assert type(await failure(adapter)) is UnavailableError


async def test_children_have_a_watermark_of_their_own(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Incremental runs ask every parent, in full, for what is new among its children."""
    blog = three_posts()
    adapter = opened(registry, server, blog)
    watermark = (await read_all(adapter, ask()))[-1].watermark
    assert watermark == BEFORE
    blog.comments["p2"].append(comment(9, at=BEFORE + 5))
    server.requests.clear()
    pages = await read_all(adapter, ask(watermark=watermark))
    assert ids(pages) == ["p1:1", "p1:2", "p2:9", "p%3A3:1", "p1:3"]
    assert pages[-1].watermark == BEFORE + 5
    assert server.targets[0] == "/posts?limit=100"
    assert f"/posts/p2/comments?by=author%20of%20p2&limit=2&since={BEFORE - 1}" in server.targets


async def test_watermark_waits_for_the_parents_read_first(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A child may come to the first parent after it was read, and be older than one of the last."""
    blog = three_posts()
    adapter = opened(registry, server, blog)
    first = await adapter.fetch_page(ask(page_size=1))
    blog.comments["p2"].append(comment(7, at=SENT_AT_SECONDS + 100))
    blog.comments["p:3"].append(comment(8, at=SENT_AT_SECONDS + 200))
    blog.sent_at = "Thu, 01 Jan 2026 01:00:00 GMT"
    rest = await read_all(adapter, ask(first.next_position))
    assert rest[-1].watermark == SENT_AT_SECONDS - TIMEOUT_SECONDS
    again = await read_all(adapter, ask(watermark=rest[-1].watermark))
    assert "p2:7" in ids(again)


async def test_only_changed_parents_are_read_where_children_change_them(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """The parents' watermark is the children's, once all of these are read."""
    blog = three_posts()
    blog.posts = [post("p1", at=BEFORE), post("p2", at=BEFORE), post("p:3", at=BEFORE + 9)]
    rest = blog_rest({"parent": {"entity": "post", "changesWithChildren": True}, "increment": None})
    adapter = opened(registry, server, blog, rest)
    pages = await read_all(adapter, ask())
    assert [page.watermark for page in pages[:-1]] == [None] * (len(pages) - 1)
    assert pages[-1].watermark == BEFORE + 9
    server.requests.clear()
    assert ids(await read_all(adapter, ask(watermark=BEFORE + 5))) == ["1"]
    assert server.targets == [
        f"/posts?limit=100&since={BEFORE + 4}",
        "/posts/p%3A3/comments?by=author%20of%20p%3A3&limit=2",
    ]


async def test_parents_have_parents(server: ProviderServer, registry: AdapterRegistry) -> None:
    """A grandchild's request names its grandparent through its parent's record."""
    rest = blog_rest()
    rest["entities"]["reply"] = rest["entities"].pop("thing")
    rest["entities"]["thing"] = {
        "list": {"path": "/posts/{parent._parent.id}/comments", "query": {"by": "author of {parent.id}"}},
        "id": "id",
        "parent": {"entity": "reply", "idIncludesParent": True},
    }
    blog = Blog({"1": [comment(1)]})
    pages = await read_all(opened(registry, server, blog, rest), ask())
    assert ids(pages) == ["1:1"]
    assert pages[-1].records[0].data["_parent"] == {"id": "1", "_parent": {"id": "1"}}


@pytest.mark.parametrize("name", [None, "", "a\r\nX-Admin: 1", "a" * 501, True, ["a"]])
async def test_parent_without_what_the_request_needs_is_told(
    server: ProviderServer, registry: AdapterRegistry, name: Any
) -> None:
    """A value that can't stand in a request is a breach of the document, which names its path and entity."""
    blog = three_posts()
    blog.posts[0]["author"] = {"name": name}
    error = await failure(opened(registry, server, blog))
    assert type(error) is ProviderContractError
    assert "A record of entity post has no whole number at `author.name`" in str(error)


async def test_parent_leads_nowhere_else(server: ProviderServer, registry: AdapterRegistry) -> None:
    """Its id is one part of the path, whatever it is."""
    blog = Blog({"..": []})
    assert "is `.` or `..`" in str(await failure(opened(registry, server, blog)))
    blog.posts = [post("../../admin?x=")]
    assert ids(await read_all(opened(registry, server, blog), ask())) == []
    assert "/posts/..%2F..%2Fadmin%3Fx%3D/comments?" in server.targets[-1]


@pytest.mark.parametrize("position", [{"offset": 4}, {"parents": [1]}, {"parents": []}])
async def test_foreign_position_is_refused(
    server: ProviderServer, registry: AdapterRegistry, position: dict[str, Any]
) -> None:
    """A position that another version of the document left behind leads nowhere."""
    adapter = opened(registry, server, three_posts())
    error = await failure(adapter, ask({"at": position, "began": 1}))
    assert type(error) is ProviderContractError
    assert "start a new sync" in str(error)
    assert server.requests == []
