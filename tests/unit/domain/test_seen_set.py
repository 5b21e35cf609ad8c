"""The set of what was seen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.seen_set import MARK_BYTES, SeenSet, marks_of

IDS = st.sets(st.text(max_size=20))


@given(IDS, IDS, IDS)
def test_what_was_put_in_is_in_and_nothing_else(first: set[str], second: set[str], others: set[str]) -> None:
    """However it was divided into pages, and whether or not the pages overlap."""
    seen = SeenSet([marks_of(first), marks_of(second), b""])
    assert all(each in seen for each in first | second)
    assert not any(each in seen for each in others - first - second)


def test_an_id_takes_eight_bytes() -> None:
    """A million records are 8 MB."""
    assert len(marks_of(["a", "b" * 200])) == 2 * MARK_BYTES
