"""JSON whose keys come twice, however well it hides them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.json_body import NotJsonError, parse_json

TEXTS = st.text(alphabet='":\\{}[], a\té', max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " : "), (",\t", "\r\n:")])


def refusal(text: str) -> NotJsonError:
    with pytest.raises(NotJsonError) as caught:
        parse_json(text.encode(), "application/json")
    return caught.value


@given(VALUES, SEPARATORS, st.booleans())
def test_value_whose_keys_are_distinct_is_read(
    value: Any, separators: tuple[str, str], ascii_only: bool
) -> None:
    """Whatever texts and keys hold, and however it is written."""
    text = json.dumps(value, separators=separators, ensure_ascii=ascii_only)
    assert parse_json(text.encode(), "application/json") == value


@given(VALUES, st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3), VALUES, SEPARATORS, st.booleans())
def test_key_twice_is_refused_wherever_it_is(
    before: Any, members: dict[str, Any], again: Any, separators: tuple[str, str], ascii_only: bool
) -> None:
    """Colons and quotes in other texts don't make up for it."""

    def written(part: Any) -> str:
        return json.dumps(part, separators=separators, ensure_ascii=ascii_only)

    first = next(iter(members))
    twice = f"{written(members)[:-1]}{separators[0]}{written({first: again})[1:]}"
    error = refusal(f"[{written(before)},[{twice}]]")
    assert str(error) == "JSON that has the same key twice in one object"
    assert error.shows == first


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "\\u0061": 2}',
        '{"a" : 1, "a" : 2}',
        '{"": 1, "": 2}',
        '[{"a": ":"}, {"b": 1, "b": 2}]',
        '{"a\\\\": 1, "a\\\\": 2}',
        '{"a": {"b": 1}, "a": {"b": 1, "c": ":"}}',
    ],
)
def test_key_in_another_writing_is_the_same_key(text: str) -> None:
    """Escapes, blanks and empty names hide nothing."""
    assert str(refusal(text)) == "JSON that has the same key twice in one object"


def test_depth_counts_in_a_value_that_is_displaced() -> None:
    """Also where only the last value for a key would be seen."""
    assert "nested deeper" in str(refusal('{"a": %s, "a": 1}' % ("[" * 1000 + "]" * 1000)))
