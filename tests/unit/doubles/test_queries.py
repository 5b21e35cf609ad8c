from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import chain
from typing import Any

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient, DatabaseProxy
from azure.cosmos.exceptions import CosmosHttpResponseError

from tests.doubles.cosmos import CosmosDouble
from tests.fakes.clock import FakeClock
from tests.unit.doubles.talking import TEAM, client_of, ids, item

ITEMS = [
    item("a", n=1, text="Zoë", deep={"x y": 1}),
    item("b", n=2.0, text="anna", deep={"x y": "1"}),
    item("c", n="2", text="b"),
    item("d", n=None, text="\U0001f600"),
    item("e", n=True, text="\uff5e"),
    item("f", n=-3, tags=["p", 1]),
    item("g", n=False),
]


@pytest.fixture
async def filled(container: ContainerProxy) -> ContainerProxy:
    for one in ITEMS:
        await container.create_item(one)
    return container


def given(**values: Any) -> list[dict[str, object]]:
    return [{"name": f"@{name}", "value": value} for name, value in values.items()]


@pytest.mark.parametrize(
    ("where", "values", "found"),
    [
        ("c.n = @v", {"v": 2}, "b"),
        ("c.n = @v", {"v": "2"}, "c"),
        ("c.n = @v", {"v": None}, "d"),
        ("c.n = @v", {"v": True}, "e"),
        ("c.n = @v", {"v": 1}, "a"),
        ("c.tags = @v", {"v": ["p", 1]}, "f"),
        ("c.n < @v", {"v": 2}, "af"),
        ("c.n <= @v", {"v": 2}, "abf"),
        ("c.n > @v", {"v": -3}, "ab"),
        ("c.n >= @v", {"v": "1"}, "c"),
        ("c.n <= @v", {"v": True}, "eg"),
        ("c.text > @v", {"v": "b"}, "de"),
        ('c["deep"]["x y"] = @v', {"v": 1}, "a"),
        ("c.deep.missing = @v", {"v": 1}, ""),
        ("IS_NUMBER(c.n)", {}, "abf"),
        ("IS_STRING(c.n)", {}, "c"),
        ("IS_DEFINED(c.tags)", {}, "f"),
        ("IS_DEFINED(c.text) = false", {}, "fg"),
        ("c.id IN (@v, @w)", {"v": "a", "w": "c"}, "ac"),
        ("ARRAY_CONTAINS(@v, c.id)", {"v": ["b", "zz"]}, "b"),
        ("ARRAY_CONTAINS(@v, c.n)", {"v": [1, True, "2"]}, "ace"),
        (
            "c.n >= @v AND (c.text = @w OR (c.id = @x AND IS_NUMBER(c.n)))",
            {"v": 1, "w": "Zoë", "x": "b"},
            "ab",
        ),
    ],
)
async def test_a_condition_selects_by_type_and_value(
    filled: ContainerProxy, where: str, values: dict[str, Any], found: str
) -> None:
    """Values of different types never compare; strings are ordered by code point, names can be quoted."""
    query = filled.query_items(
        f"SELECT * FROM c WHERE {where}", parameters=given(**values), partition_key=TEAM
    )

    assert await ids(query) == list(found)


@pytest.mark.parametrize(
    ("order", "found"),
    [("c.n", "dgefabc"), ("c.n DESC", "cbafegd"), ("c.text ASC", "abced"), ("c.deep.x", "")],
)
async def test_items_come_in_the_order_of_types_and_values(
    filled: ContainerProxy, order: str, found: str
) -> None:
    """Null before booleans before numbers before strings; items without the path are left out."""
    query = filled.query_items(f"SELECT * FROM c ORDER BY {order}", partition_key=TEAM)

    assert await ids(query) == list(found)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM c WHERE c.n = 1",
        "SELECT * FROM c WHERE c.n != @v",
        "SELECT * FROM c WHERE NOT c.n = @v",
        "SELECT * FROM c WHERE c.n IN (@v)",
        "SELECT * FROM c WHERE c.text LIKE @v",
        "SELECT * FROM c WHERE CONTAINS(c.text, @v)",
        "SELECT * FROM c WHERE c.n = @v AND",
        "SELECT * FROM c WHERE c.n = @missing",
        "SELECT * FROM c ORDER BY c.n, c.text",
        "SELECT TOP 1 * FROM c",
        "SELECT * FROM c OFFSET 0 LIMIT 1",
        "SELECT DISTINCT c.n FROM c",
        "SELECT c.n AS m FROM c",
        "SELECT VALUE c.n FROM c",
        "SELECT c FROM c",
        "SELECT * FROM shards",
        "SELECT * FROM c WHERE c.order = @v",
        "SELECT * FROM c WHERE c.n = 'x",
    ],
)
async def test_what_is_outside_the_grammar_is_refused(filled: ContainerProxy, text: str) -> None:
    """A query that the double doesn't understand answers 400 and is quoted in the message."""
    query = filled.query_items(text, parameters=given(v=1), partition_key=TEAM)

    with pytest.raises(CosmosHttpResponseError) as refused:
        await ids(query)
    assert refused.value.status_code == 400


async def test_fields_can_be_selected(filled: ContainerProxy) -> None:
    """A selected field comes under its last name, and one that an item hasn't is left out."""
    query = filled.query_items(
        'SELECT c.id, c["deep"]["x y"] FROM c WHERE c.id IN (@v, @w)',
        parameters=given(v="a", w="c"),
        partition_key=TEAM,
    )

    assert [one async for one in query] == [{"id": "a", "x y": 1}, {"id": "c"}]


@pytest.mark.parametrize("order", ["", "ORDER BY c.n", "ORDER BY c.n DESC"])
async def test_pages_go_on_where_the_last_one_ended(filled: ContainerProxy, order: str) -> None:
    """A query is read to its end by pages, each from the token before it, whatever is deleted between."""
    query = f"SELECT * FROM c {order}"
    whole = await ids(filled.query_items(query, partition_key=TEAM))
    paged: list[str] = []
    token: str | None = None
    while not paged or token:
        pages = filled.query_items(query, partition_key=TEAM, max_item_count=2).by_page(token)
        page = await ids(await anext(pages))
        await filled.delete_item(page[-1], TEAM)
        paged += page
        token = pages.continuation_token  # type: ignore[attr-defined]

    assert paged == whole


async def test_equal_values_go_on_over_pages(container: ContainerProxy) -> None:
    """Items with the same value of the order come in the order of their creation, each on one page."""
    for name in "cab":
        await container.create_item(item(name, n=1))
    found: list[str] = []
    pages = container.query_items("SELECT * FROM c ORDER BY c.n", partition_key=TEAM, max_item_count=1)

    async for page in pages.by_page():
        found += await ids(page)

    assert found == list("cab")


async def test_a_token_belongs_to_its_query(filled: ContainerProxy) -> None:
    """A continuation token of another query, or one that is none, answers 400."""
    pages = filled.query_items("SELECT * FROM c", partition_key=TEAM, max_item_count=2).by_page()
    await anext(pages)
    token = pages.continuation_token  # type: ignore[attr-defined]
    for query, wrong in (("SELECT c.id FROM c", token), ("SELECT * FROM c", "garbage")):
        with pytest.raises(CosmosHttpResponseError) as refused:
            await anext(filled.query_items(query, partition_key=TEAM, max_item_count=2).by_page(wrong))
        assert refused.value.status_code == 400


@pytest.mark.filterwarnings("ignore:Sending a large body")
async def test_a_page_has_at_most_four_megabytes(container: ContainerProxy) -> None:
    """Large items make a page shorter than was asked for."""
    for name in "abc":
        await container.create_item(item(name, text="x" * 1_900_000))

    pages = container.query_items("SELECT * FROM c", partition_key=TEAM).by_page()

    assert [await ids(page) async for page in pages] == [["a", "b"], ["c"]]


async def test_what_has_no_index_has_no_order(database: DatabaseProxy) -> None:
    """ORDER BY on a path that the indexing policy leaves out answers 400; below an included one it works."""
    policy: Any = {"includedPaths": [{"path": "/key/*"}], "excludedPaths": [{"path": "/*"}]}
    lean = await database.create_container("lean", PartitionKey("/kind"), indexing_policy=policy)

    assert await ids(lean.query_items("SELECT * FROM c ORDER BY c.key.at", partition_key="team")) == []
    with pytest.raises(CosmosHttpResponseError) as refused:
        await ids(lean.query_items("SELECT * FROM c ORDER BY c.n", partition_key="team"))
    assert refused.value.status_code == 400


class TestSplitContainers:
    """Containers of two physical partitions; the tenants lie in both."""

    @pytest.fixture
    async def client(self, clock: FakeClock) -> AsyncIterator[CosmosClient]:
        async with CosmosDouble(clock, splits=("20",)) as cosmos, client_of(cosmos) as client:
            yield client

    @pytest.fixture
    async def spread(self, container: ContainerProxy) -> ContainerProxy:
        for n in range(20):
            await container.create_item(
                {"id": f"{n:02}", "tenantId": f"t{n % 5}", "kind": f"k{n % 2}", "n": -n}
            )
        return container

    async def test_a_prefix_of_the_key_selects_its_partitions(self, spread: ContainerProxy) -> None:
        """A query by the first component finds what has it, with any second one, and nothing else."""
        for tenant in range(5):
            query = spread.query_items(
                "SELECT * FROM c ORDER BY c.n", partition_key=[f"t{tenant}"], max_item_count=3
            )
            assert await ids(query) == [f"{n:02}" for n in (15 + tenant, 10 + tenant, 5 + tenant, tenant)]

    async def test_a_query_over_all_partitions_finds_everything(self, spread: ContainerProxy) -> None:
        """Without a partition key the answers of all ranges come together, each page from one range."""
        pages = spread.query_items("SELECT * FROM c WHERE c.n <= @v", parameters=given(v=-10)).by_page()
        found = [await ids(page) async for page in pages]

        assert sorted(chain.from_iterable(found)) == [f"{n}" for n in range(10, 20)]
        assert len(found) == 2

    async def test_ranges_are_merged_in_order(self, spread: ContainerProxy) -> None:
        """The SDK merges sorted answers, whole or of selected fields, by the query plan."""
        whole = spread.query_items("SELECT * FROM c WHERE c.n < @v ORDER BY c.n", parameters=given(v=0))
        fields = spread.query_items('SELECT c.id, c["kind"] FROM c ORDER BY c["n"] DESC')

        assert await ids(whole) == [f"{n:02}" for n in range(19, 0, -1)]
        assert [one async for one in fields] == [{"id": f"{n:02}", "kind": f"k{n % 2}"} for n in range(20)]

    async def test_counts_are_added_up(self, spread: ContainerProxy) -> None:
        """A count is that of one partition, of a prefix, or of everything."""
        text = "SELECT VALUE COUNT(1) FROM c"
        queries = [
            spread.query_items(text, partition_key=["t1", "k1"]),
            spread.query_items(text, partition_key=["t1"]),
            spread.query_items(text),
        ]

        counts: list[list[Any]] = [[one async for one in query] for query in queries]

        assert counts == [[2], [4], [20]]

    async def test_many_items_are_read_at_once(self, spread: ContainerProxy) -> None:
        """Items of several partitions come in the order of the request; missing ones are left out."""
        wanted = [(f"{n:02}", [f"t{n % 5}", f"k{n % 2}"]) for n in (7, 3, 18, 99, 12)]

        found = await spread.read_items(wanted)

        assert [one["id"] for one in found] == ["07", "03", "18", "12"]
