"""Lists that move while they are read: nothing that stays in them is lost, and reading ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.rest.pagination import OffsetPagination, PageNumberPagination
from shared.domain.errors import ProviderContractError
from tests.fakes.moving_source import (
    Change,
    MovingSource,
    insert,
    move_to_the_end,
    remove,
    together,
    touch,
    walk,
)

SHARES = st.floats(0, 0.999)
LEAVING = st.one_of(SHARES.map(remove), SHARES.map(move_to_the_end), SHARES.map(touch))
COMING = SHARES.map(insert)
ENDS = st.sampled_from([{}, {"total": "total"}, {"more": "more"}, {"done": "done"}, {"shortPage": True}])


def batches(change: st.SearchStrategy[Change]) -> st.SearchStrategy[list[Change]]:
    """What happens between two requests each; at most eight times, so that the list comes to rest."""
    return st.lists(st.lists(change, max_size=12).map(together), max_size=8)


def things(count: int) -> list[dict[str, Any]]:
    return [{"id": f"t{number}", "changed": 0} for number in range(count)]


def by_offset(**keys: Any) -> OffsetPagination:
    return OffsetPagination.model_validate({"kind": "offset", "parameter": "skip", **keys})


def by_page(**keys: Any) -> PageNumberPagination:
    return PageNumberPagination.model_validate({"kind": "pageNumber", "parameter": "page", **keys})


def lost(source: MovingSource, before: set[str], delivered: list[str]) -> set[str]:
    """What was in the list all the time, and did not come."""
    return (before & {item["id"] for item in source.items}) - set(delivered)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 30), st.integers(2, 6), batches(st.one_of(LEAVING, COMING)), ENDS)
def test_offsets_lose_nothing(count: int, limit: int, changes: list[Change], end: dict[str, Any]) -> None:
    """Whatever is deleted, changed, moved to the end or put anywhere between any two requests."""
    source = MovingSource(things(count), limit, changes)
    before = {item["id"] for item in source.items}
    assert lost(source, before, walk(source, by_offset(end=end))) == set()


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 30), st.integers(1, 6), batches(LEAVING), ENDS)
def test_page_numbers_lose_nothing_to_what_leaves(
    count: int, limit: int, changes: list[Change], end: dict[str, Any]
) -> None:
    """Whatever is deleted, changed or moved to the end between any two requests, be it whole pages."""
    source = MovingSource(things(count), limit, changes)
    before = {item["id"] for item in source.items}
    assert lost(source, before, walk(source, by_page(end=end))) == set()


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 30), st.integers(1, 6), batches(COMING), ENDS)
def test_page_numbers_lose_nothing_to_what_comes(
    count: int, limit: int, changes: list[Change], end: dict[str, Any]
) -> None:
    """What is put before a page only makes records come twice."""
    source = MovingSource(things(count), limit, changes)
    before = {item["id"] for item in source.items}
    assert lost(source, before, walk(source, by_page(end=end))) == set()


@given(st.integers(0, 30), st.integers(1, 6), ENDS, st.sampled_from([by_offset, by_page]), st.booleans())
def test_list_at_rest_comes_once(
    count: int, limit: int, end: dict[str, Any], kind: Any, stable: bool
) -> None:
    """Every record is delivered, in order, and none twice: repeats are seen to be repeats."""
    source = MovingSource(things(count), limit, [])
    assert walk(source, kind(end=end, stable=stable)) == [item["id"] for item in source.items]


@pytest.mark.parametrize(
    ("definition", "asked"),
    [
        (by_offset(), [2, 4, 6, 7]),
        (by_offset(end={"total": "total"}), [2, 4]),
        (by_offset(end={"shortPage": True}), [2, 4, 6]),
        (by_offset(stable=True), [3, 6, 7]),
        (by_offset(stable=True, end={"total": "total"}), [3, 6]),
        (by_page(), [2, 1, 3, 2, 4, 3]),
        (by_page(end={"more": "more"}), [2, 1, 3, 2]),
        (by_page(stable=True), [2, 3, 4]),
        (by_page(stable=True, end={"done": "done"}), [2, 3]),
    ],
)
def test_order_of_requests(definition: OffsetPagination | PageNumberPagination, asked: list[int]) -> None:
    """Offsets begin one record early, pages come again after the next; not so where the list is stable."""
    source = MovingSource(things(7), 3, [])
    assert len(walk(source, definition)) == 7
    assert source.asked[1:] == asked  # the first has no number


def test_offset_goes_back_until_something_is_known() -> None:
    """Where more than a page has moved up, by longer steps each time, and then on again."""
    source = MovingSource(things(40), 3, [lambda _: None] * 9 + [together([remove(0.0)] * 12)])
    assert set(walk(source, by_offset())) == {f"t{number}" for number in range(40)}
    assert source.asked[9:13] == [18, 20, 17, 11]


def test_page_goes_back_until_something_is_known() -> None:
    """The page that was to be read again has moved on as a whole."""
    source = MovingSource(things(20), 2, [lambda _: None] * 8 + [together([remove(0.0)] * 6)])
    assert set(walk(source, by_page())) == {f"t{number}" for number in range(20)}
    assert source.asked[8:16] == [4, 6, 5, 4, 2, 3, 2, 4]


def test_stable_list_is_believed() -> None:
    """Where the document says that the list does not move, what moves is lost: that is the price."""
    source = MovingSource(things(6), 2, [remove(0.0)])
    assert walk(source, by_offset(stable=True)) == ["t0", "t1", "t3", "t4", "t5"]


@pytest.mark.parametrize("definition", [by_offset(), by_page()])
def test_list_in_another_order_each_time_is_refused(
    definition: OffsetPagination | PageNumberPagination,
) -> None:
    """A source that never goes on where it ended can't be read, and reading it ends with the reason."""
    everything_changes = together([move_to_the_end(0.0)] * 100)
    source = MovingSource(things(100), 10, [everything_changes] * 1000)
    with pytest.raises(ProviderContractError, match="in another order each time: after 20 steps back"):
        walk(source, definition)
    assert len(source.asked) < 500


@pytest.mark.parametrize("stable", [True, False])
@pytest.mark.parametrize("kind", [by_offset, by_page])
def test_source_that_ignores_the_parameter_is_refused(kind: Any, stable: bool) -> None:
    """The same page again and again is no list without end."""
    definition = kind(stable=stable)
    source = MovingSource(things(4), 4, [])
    source_start = source._start
    source._start = lambda draft: source_start(draft) * 0  # type: ignore[method-assign]
    with pytest.raises(ProviderContractError, match="gave the same page 11 times"):
        walk(source, definition)
