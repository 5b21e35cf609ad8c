"""Which fields an expression reads, so that no others need come."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.jmespath_fields import fields_of

KNOWN: dict[str, set[str]] = {
    "a": {"a"},
    "a.b": {"a.b"},
    "a.b.c": {"a.b.c"},
    "a | b | c": {"a.b.c"},
    "@.a.b": {"a.b"},
    "a[0].b": {"a"},
    "a[1:].b": {"a"},
    "a[].b": {"a"},
    "a.b[*].c": {"a.b"},
    "a.*.b": {"a"},
    "a[?b == 'x'].c | [0]": {"a"},
    "a[].{x: b, y: c}": {"a"},
    "{x: a.b, y: c}": {"a.b", "c"},
    "[a, b.c]": {"a", "b.c"},
    "[a, b.c][0].d": {"a", "b.c"},
    "a.{x: b}": {"a"},
    "a.[b, c]": {"a"},
    "a || b.c": {"a", "b.c"},
    "(a || b).c": {"a", "b"},
    "a && !b": {"a", "b"},
    "a == `1`": {"a"},
    "a.b > c": {"a.b", "c"},
    "max_by(a, &b).c": {"a"},
    "map(&b, a)": {"a"},
    "sort_by(a, &to_number(b))[0].c": {"a"},
    "join(', ', a[].b)": {"a"},
    "length(a) > `0` && c": {"a", "c"},
    "not_null(a.b, c, 'none')": {"a.b", "c"},
    "'text'": set(),
    '"a"."b-c"': {"a.b-c"},
    'a."b c"': {"a"},
    'a."b.c".d': {"a"},
    "a.b.c.d.e.f.g.h.i.j.k.l": {"a.b.c.d.e.f.g.h.i.j"},
}
ANY = [
    "@",
    "*",
    "*.a",
    "[0]",
    "[]",
    "[*].a",
    "[?a]",
    "[@]",
    "keys(@)",
    "values(@)[0]",
    "contains(keys(@), 'a') && a",
    "{x: a, y: @}",
    "a || @",
    '"a b"',
    '"a.b".c',
]
NAMES = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize("expression", KNOWN)
def test_fields_of_an_expression_are_told(expression: str) -> None:
    """As long paths as can be; what is in a list, a condition or a function is read whole."""
    assert fields_of(expression) == frozenset(KNOWN[expression])


@pytest.mark.parametrize("expression", ANY)
def test_expression_that_may_read_any_field_is_known_for_it(expression: str) -> None:
    """Then everything has to come."""
    assert fields_of(expression) is None


@given(st.dictionaries(NAMES, VALUES), st.sampled_from(sorted(KNOWN)), st.booleans())
def test_no_other_fields_are_missed(record: dict[str, Any], expression: str, keeps_empty: bool) -> None:
    """An expression finds the same in a record that has only these, whether or not empty objects are kept."""
    fields = fields_of(expression)
    assert fields is not None
    selected: dict[str, Any] = {}
    for path in fields:
        _copy(record, selected, path.split("."), keeps_empty)
    assert _outcome(expression, selected) == _outcome(expression, record)


def _copy(source: Any, target: dict[str, Any], names: list[str], keeps_empty: bool) -> None:
    name, *rest = names
    if not isinstance(source, dict) or name not in source:
        return
    if not rest:
        target[name] = source[name]
    elif isinstance(source[name], dict):
        inner: dict[str, Any] = {}
        _copy(source[name], inner, rest, keeps_empty)
        if inner or keeps_empty:
            target.setdefault(name, {}).update(inner)


def _outcome(expression: str, record: dict[str, Any]) -> Any:
    try:
        return jmespath.search(expression, record)
    except jmespath.exceptions.JMESPathError as error:
        return type(error)
