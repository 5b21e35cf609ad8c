"""Paths of archived objects, for any input."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.backends.archive_rules import check_path
from shared.domain.errors import InvalidRequestError

CHARACTERS = st.sampled_from("abcXYZ019._-/+ ~\\\0\n:é")


@given(st.text(CHARACTERS, max_size=30))
def test_a_path_that_passes_stays_inside(path: str) -> None:
    """Whatever passes is relative, already in its simplest form, and leads to no folder above."""
    try:
        check_path(path)
    except InvalidRequestError:
        return
    parts = PurePosixPath("/archive", path).parts
    assert "/".join(parts[2:]) == path
    assert not {"..", "."} & set(parts)


@given(st.lists(st.text("abcXYZ019_-", min_size=1, max_size=20), min_size=1, max_size=10).map("/".join))
def test_plain_paths_pass(path: str) -> None:
    """Any parts of letters, digits, `_` and `-` make a path."""
    check_path(path)


@pytest.mark.parametrize("path", ["a.", "a./b", "a" * 201, "b/" + "a" * 201])
def test_what_some_backend_cannot_keep_is_refused(path: str) -> None:
    """Parts that end with a dot, or are longer than a file's name may be, are refused."""
    with pytest.raises(InvalidRequestError):
        check_path(path)
