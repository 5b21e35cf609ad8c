"""Data quality: the guide's metrics from counts that can be added."""

from __future__ import annotations

from functools import reduce
from operator import add

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import DocumentTooLargeError, Reason, RecordRejectedError
from shared.domain.quality import QualityTally

Record = list[Reason]
"""The reasons against a record; none, and it is good."""


def reason(code: str, field: str | None = "name") -> Reason:
    return Reason(code, field, "why")


def page(records: list[Record]) -> QualityTally:
    rejected = [reasons for reasons in records if reasons]
    return QualityTally.of_page(len(records) - len(rejected), rejected, required_fields=2)


reasons = st.builds(reason, st.sampled_from(["required", "enum", "format_email"]), st.sampled_from("abc"))
pages = st.lists(st.lists(st.lists(reasons, max_size=3), max_size=5), max_size=6)


@given(pages)
def test_pages_add_up_to_the_run_however_they_are_cut(run: list[list[Record]]) -> None:
    """Counting page by page, in any order, is counting all at once."""
    whole = page([record for records in run for record in records])
    assert reduce(add, map(page, run), QualityTally()) == whole
    assert reduce(add, map(page, reversed(run)), QualityTally()) == whole


@given(pages)
def test_shares_are_shares(run: list[list[Record]]) -> None:
    """Both percentages lie between 0 and 100, and 100 means all."""
    tally = reduce(add, map(page, run), QualityTally())
    metrics = tally.metrics()
    assert 0 <= metrics.completeness <= 100
    assert (metrics.accuracy == 100) == (tally.inaccurate_records == 0)
    assert metrics.total_records == metrics.valid_records + metrics.invalid_records


def test_the_metrics_are_the_guides() -> None:
    """Four records of two required fields each, one field missing, two records that broke rules."""
    tally = page([[], [], [reason("required"), reason("enum", "industry")], [reason("enum", "industry")]])
    assert tally.metrics().model_dump(mode="json") == {
        "totalRecords": 4,
        "validRecords": 2,
        "invalidRecords": 2,
        "validationErrors": [
            {"field": "industry", "error": "enum", "count": 2},
            {"field": "name", "error": "required", "count": 1},
        ],
        "completeness": 87.5,
        "accuracy": 50.0,
    }


def test_a_tally_survives_being_stored() -> None:
    """It is kept with a run's progress."""
    tally = page([[], [reason("required")]])
    assert QualityTally.model_validate_json(tally.model_dump_json()) == tally


def test_a_record_that_is_only_too_large_is_accurate() -> None:
    """It is invalid all the same."""
    error: RecordRejectedError = DocumentTooLargeError("Too large.")
    metrics = page([[], list(error.reasons)]).metrics()
    assert (metrics.invalid_records, metrics.accuracy, metrics.completeness) == (1, 100.0, 100.0)
    assert [(each.field, each.error) for each in metrics.validation_errors] == [(None, "document_too_large")]


def test_only_the_hundred_commonest_errors_are_reported() -> None:
    """The tally keeps them all, so that merging finds the commonest of the whole."""
    rare = page([[reason("enum", f"field{number}")] for number in range(150)])
    common = page([[reason("enum", "field149")]])
    reported = (rare + common).metrics().validation_errors
    assert len(reported) == 100
    assert (reported[0].field, reported[0].count) == ("field149", 2)


def test_nothing_counted_is_nothing_wrong() -> None:
    """No records: nothing is missing and nothing inaccurate."""
    metrics = QualityTally().metrics()
    assert (metrics.total_records, metrics.completeness, metrics.accuracy) == (0, 100.0, 100.0)
