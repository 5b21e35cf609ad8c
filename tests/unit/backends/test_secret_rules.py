"""Key Vault's rules for secrets, for any input."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.backends.secret_rules import MAX_TAG_LENGTH, MAX_TAGS, check_secret
from shared.domain.errors import InvalidRequestError

ALLOWED = string.ascii_letters + string.digits + "-"


@given(st.text(st.sampled_from(ALLOWED), min_size=1, max_size=127))
def test_names_inside_the_rule_are_taken(name: str) -> None:
    """Any 1 to 127 of the allowed characters are a name."""
    check_secret(name, "value", {})


@given(st.text(max_size=140).filter(lambda name: not set(name) <= set(ALLOWED) or not 1 <= len(name) <= 127))
def test_names_outside_the_rule_are_refused(name: str) -> None:
    """Anything else is not a name, and the error blames the name alone."""
    with pytest.raises(InvalidRequestError) as caught:
        check_secret(name, "value", {})

    assert [problem.field for problem in caught.value.problems] == ["name"]


@pytest.mark.parametrize(
    "tags",
    [
        {str(number): "x" for number in range(MAX_TAGS + 1)},
        {"x" * (MAX_TAG_LENGTH + 1): "x"},
        {"x": "x" * (MAX_TAG_LENGTH + 1)},
    ],
)
def test_too_many_or_too_long_tags_are_refused(tags: dict[str, str]) -> None:
    """A version has at most 15 tags, of at most 256 characters."""
    with pytest.raises(InvalidRequestError) as caught:
        check_secret("key", "value", tags)

    assert [problem.field for problem in caught.value.problems] == ["tags"]


def test_tags_at_the_limit_are_taken() -> None:
    """The limits themselves are allowed."""
    check_secret("key", "value", {f"{number:0256}": "x" * MAX_TAG_LENGTH for number in range(MAX_TAGS)})


def test_every_problem_is_named_at_once() -> None:
    """One error lists all that is wrong, and never the value."""
    with pytest.raises(InvalidRequestError) as caught:
        check_secret("a b", "hunter2" * 10_000, {"x": "x" * 1000})

    assert [problem.field for problem in caught.value.problems] == ["name", "value", "tags"]
    assert "hunter2" not in f"{caught.value} {caught.value.problems}"


def test_text_that_utf_8_cannot_hold_is_refused() -> None:
    """Half a surrogate pair is a problem of the value, not a crash."""
    with pytest.raises(InvalidRequestError):
        check_secret("key", "\ud800", {})
