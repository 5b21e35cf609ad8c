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
        (answer({"key": {"id": "a"}}, "text"), "Record 1 of a page of entity thing is not an object"),
        (answer({"key": "a"}), "Record 0 of a page of entity thing has no text or whole number at `key.id`"),
        (answer({"key": {"id": ""}}), "has no text or whole number at `key.id`"),
        (answer({"key": {"id": True}}), "has no text or whole number at `key.id`"),
        (answer({"key": {"id": 1.5}}), "has no text or whole number at `key.id`"),
        (answer({"key": {"id": "a"}, "changed": 1.5}), "has no text or whole number at `changed`"),
        (answer({"key": {"id": "a"}, "gone": "false"}), "has neither true nor false at `gone`"),
        (
            answer({"key": {"id": "a"}, "changed": "7"}),
            "has an increment field of another type than declared",
        ),
    ],
)
def test_answer_of_another_shape_is_a_breach_of_contract(body: Any, message: str) -> None:
    """Nothing is guessed: the message names the place that differs from the document."""
    with pytest.raises(ProviderContractError) as caught:
        reader().read(body)
    assert message in str(caught.value)
    assert "correct" in str(caught.value)


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
