"""Reading records out of answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.rest.answers import compile_path
from shared.adapters.rest.entity import EntityDefinition
from shared.adapters.rest.records import RecordReader
from shared.domain.errors import ProviderContractError
from shared.ports.adapter import SourceRecord

ENTITY: dict[str, Any] = {
    "list": {"path": "/"},
    "records": "data.items",
    "id": "key.id",
    "modified": "changed",
    "deleted": "gone",
    "increment": {"parameter": "since", "field": "changed", "type": "integer"},
}


def reader(**changes: Any) -> RecordReader:
    entity = EntityDefinition.model_validate({**ENTITY, **changes})
    return RecordReader("thing", entity, entity.records)


def answer(*items: Any) -> dict[str, Any]:
    return {"data": {"items": list(items)}}


def test_records_carry_id_change_and_deletion() -> None:
    """A record is the provider's own object, with what the sync needs picked out of it."""
    live = {"key": {"id": "a"}, "changed": 5, "gone": False}
    dead = {"key": {"id": 7}, "changed": 3, "gone": True}
    bare = {"key": {"id": "c"}}
    batch = reader().read(answer(live, dead, bare))
    assert batch.records == [
        SourceRecord("a", live, 5),
        SourceRecord("7", dead, 3, deleted=True),
        SourceRecord("c", bare),
    ]
    assert batch.records[0].data is live
    assert batch.watermark == 5


def test_whole_body_can_be_the_list() -> None:
    """Without a path to the records the answer itself is the list."""
    batch = reader(records=None, id="id", increment=None).read([{"id": "a", "changed": "2026"}])
    assert batch.records == [SourceRecord("a", {"id": "a", "changed": "2026"}, "2026")]
    assert batch.watermark is None


@given(st.lists(st.integers() | st.none()))
def test_watermark_is_the_highest_value_whatever_the_order(values: list[int | None]) -> None:
    """Records without a value don't count; without any value there is no watermark."""
    items = [{"key": {"id": "x"}, "changed": value} for value in values]
    assert reader().read(answer(*items)).watermark == max((v for v in values if v is not None), default=None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "The answer for entity thing has no list of records at `data.items`"),
        ({"data": {"items": {"a": 1}}}, "The answer for entity thing has no list of records at `data.items`"),
        ({"data": [1]}, "The answer for entity thing has no list of records at `data.items`"),
        ([], "The answer for entity thing has no list of records at `data.items`"),
        (None, "The answer for entity thing has no list of records at `data.items`"),
    ],
)
def test_answer_of_another_shape_is_a_breach_of_contract(body: Any, message: str) -> None:
    """Nothing is guessed: the message names the place that differs from the document."""
    with pytest.raises(ProviderContractError) as caught:
        reader().read(body)
    assert message in str(caught.value)
    assert "correct" in str(caught.value)


@pytest.mark.parametrize(
    ("item", "code", "message"),
    [
        ("text", "malformed_record", "The record is not an object;"),
        ([{"key": {"id": "a"}}], "malformed_record", "The record is not an object;"),
        ({"key": "a"}, "missing_id", "has no text or whole number at `key.id`"),
        ({"key": {"id": ""}}, "missing_id", "has no text or whole number at `key.id`"),
        ({"key": {"id": True}}, "invalid_id", "has no text or whole number at `key.id`"),
        ({"key": {"id": ["a"]}}, "invalid_id", "has no text or whole number at `key.id`"),
        ({"key": {"id": 1.5}}, "invalid_id", "has no text or whole number at `key.id`"),
        (
            {"key": {"id": "a"}, "changed": 1.5},
            "invalid_modified",
            "has no text or whole number at `changed`",
        ),
        ({"key": {"id": "a"}, "gone": "false"}, "invalid_deleted", "has neither true nor false at `gone`"),
        ({"key": {"id": "a"}, "rev": [1]}, "invalid_version", "has no text or whole number at `rev`"),
        (
            {"key": {"id": "a"}, "changed": "7"},
            "invalid_increment",
            "has an increment field of another type than declared",
        ),
    ],
)
def test_malformed_record_is_put_aside_with_its_reason(item: Any, code: str, message: str) -> None:
    """Nothing is guessed, and its neighbours are taken; it keeps its id if it has one."""
    good = {"key": {"id": "b"}, "changed": 5}
    batch = reader(version="rev").read(answer(item, good))
    bad, other = batch.records
    assert other == SourceRecord("b", good, 5)
    assert bad.rejection is not None
    assert bad.rejection.code == code
    assert message in bad.rejection.message
    assert (bad.external_id == "a") is not bad.is_nameless
    assert bad.data == (item if isinstance(item, dict) else {"value": item})


@pytest.mark.parametrize("stamp", ["9999", 1.5, [9999]])
def test_malformed_record_does_not_move_the_watermark(stamp: Any) -> None:
    """Nor does one that is malformed elsewhere: it tells nothing, and it comes with every floor."""
    wrong = {"key": {"id": "a"}, "changed": stamp}
    unsure = {"key": {"id": "b"}, "changed": 9999, "gone": "yes"}
    client_side = {"field": "changed", "type": "integer", "clientSideFilter": True}
    batch = reader(increment=client_side).read(answer(wrong, unsure, {"key": {"id": "c"}, "changed": 5}), 5)
    assert batch.watermark == 5
    assert [record.external_id for record in batch.records] == ["a", "b", "c"]


def test_record_without_an_id_has_the_same_name_each_time() -> None:
    """It is made of its content, so that it is put aside once."""
    first, second, other = reader().read(answer({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2})).records
    assert first.external_id == second.external_id != other.external_id


def test_expression_that_fits_no_single_record_is_that_record_s_fault() -> None:
    """An expression that can't be applied to one record says nothing about the others."""
    keyed = reader(id={"jmespath": "keys(key)[0]"}, increment=None)
    bad, good = keyed.read(answer({"key": 5}, {"key": {"a": 1}})).records
    assert bad.rejection is not None
    assert bad.rejection.code == "malformed_record"
    assert (good.external_id, good.rejection) == ("a", None)


@pytest.mark.parametrize("item", ["text", {"key": "a"}])
def test_malformed_record_that_came_alone_or_was_searched_for_is_a_breach_of_contract(item: Any) -> None:
    """There is no quarantine for an answer that somebody waits for."""
    for read in (reader().read_one, lambda only: reader().read_found(answer(only))):
        with pytest.raises(ProviderContractError, match=r"^The record in an answer for entity thing "):
            read(item)


def test_paths_may_be_expressions() -> None:
    """JMESPath reaches into lists, odd names and codes that a dotted path can't."""
    paths = {
        "records": "result[].item",
        "id": '"Record Id"',
        "modified": "stamps[-1]",
        "deleted": "state == 'gone'",
    }
    changes: dict[str, Any] = {name: {"jmespath": path} for name, path in paths.items()}
    item = {"Record Id": "a", "stamps": ["x", "y"], "state": "gone"}
    batch = reader(**changes, increment=None).read({"result": [{"item": item}, {"other": 1}]})
    assert batch.records == [SourceRecord("a", item, "y", deleted=True)]


def test_expression_that_does_not_fit_the_answer_is_a_breach_of_contract() -> None:
    """An expression that fails is named, with where to correct it."""
    with pytest.raises(ProviderContractError, match=r"The expression `keys\(items\)` can't be applied"):
        reader(records={"jmespath": "keys(items)"}).read({"items": 5})


@given(
    st.recursive(
        st.none() | st.text() | st.lists(st.integers()), lambda inner: st.dictionaries(st.text(), inner)
    )
)
def test_path_finds_nothing_rather_than_failing(value: Any) -> None:
    """A path through anything but objects leads to None."""
    assert compile_path("a.b.c")({"a": {"b": value}}) == (value.get("c") if isinstance(value, dict) else None)
