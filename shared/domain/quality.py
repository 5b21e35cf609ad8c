"""Data quality of a page, a run or an integration (guide, "Data Quality Metrics")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field

from shared.domain.errors import Reason
from shared.domain.model import Id, WireModel

MAX_REPORTED_ERRORS = 100

Count = Annotated[int, Field(ge=0)]


class ValidationErrorCount(WireModel):
    """How often one field was refused for one reason. `error` is the reason's code."""

    field: str | None = None
    error: str
    count: Annotated[int, Field(ge=1)]


class DataQualityMetrics(WireModel):
    """The guide's metrics.

    Attributes:
        validation_errors: The commonest first, at most 100.
        completeness: Percentage of required fields that were filled; 100 if none was required.
        accuracy: Percentage of records that broke no rule; 100 if there were no records.
    """

    total_records: int
    valid_records: int
    invalid_records: int
    validation_errors: tuple[ValidationErrorCount, ...]
    completeness: float
    accuracy: float


class IntegrationQuality(DataQualityMetrics):
    """An integration's metrics: those of its last finished run that has read any record, which is named."""

    execution_id: Id


class QualityTally(WireModel):
    """The counts behind the metrics. Adding tallies loses nothing, in whatever order and grouping.

    It holds every pair of field and error, which a mapping bounds (each field has but few ways to fail);
    only the metrics are cut to the commonest.

    Attributes:
        inaccurate_records: Records that broke a rule. One that is rejected for another reason, such as its
            size, is invalid and accurate.
        errors: In order of field and error, so that equal tallies are equal documents.
    """

    valid_records: Count = 0
    invalid_records: Count = 0
    inaccurate_records: Count = 0
    required_fields: Count = 0
    missing_fields: Count = 0
    errors: tuple[ValidationErrorCount, ...] = ()

    @classmethod
    def of_page(cls, valid: int, rejected: Iterable[Iterable[Reason]], required_fields: int) -> Self:
        """Count a page: how many records were taken, and the reasons against each of the others.

        Args:
            valid: Records that were taken.
            rejected: The reasons of each record that was not.
            required_fields: How many fields the mapping requires of every record.
        """
        records = [tuple(reasons) for reasons in rejected]
        missing = [{reason.field for reason in reasons if reason.code == "required"} for reasons in records]
        return cls(
            valid_records=valid,
            invalid_records=len(records),
            inaccurate_records=sum(any(reason.field for reason in reasons) for reasons in records),
            required_fields=required_fields * (valid + len(records)),
            missing_fields=sum(map(len, missing)),
            errors=_written(Counter((each.field, each.code) for reasons in records for each in reasons)),
        )

    def __add__(self, other: QualityTally) -> QualityTally:
        return QualityTally(
            valid_records=self.valid_records + other.valid_records,
            invalid_records=self.invalid_records + other.invalid_records,
            inaccurate_records=self.inaccurate_records + other.inaccurate_records,
            required_fields=self.required_fields + other.required_fields,
            missing_fields=self.missing_fields + other.missing_fields,
            errors=_written(_read(self.errors) + _read(other.errors)),
        )

    def metrics(self) -> DataQualityMetrics:
        """Return what the guide reports."""
        total = self.valid_records + self.invalid_records
        commonest = sorted(self.errors, key=lambda error: -error.count)
        return DataQualityMetrics(
            total_records=total,
            valid_records=self.valid_records,
            invalid_records=self.invalid_records,
            validation_errors=tuple(commonest[:MAX_REPORTED_ERRORS]),
            completeness=_percentage_without(self.missing_fields, self.required_fields),
            accuracy=_percentage_without(self.inaccurate_records, total),
        )


def _read(errors: Iterable[ValidationErrorCount]) -> Counter[tuple[str | None, str]]:
    return Counter({(error.field, error.error): error.count for error in errors})


def _written(counter: Counter[tuple[str | None, str]]) -> tuple[ValidationErrorCount, ...]:
    ordered = sorted(counter.items(), key=lambda item: (item[0][0] or "", item[0][1]))
    return tuple(
        ValidationErrorCount(field=field, error=code, count=count) for (field, code), count in ordered
    )


def _percentage_without(bad: int, total: int) -> float:
    """Return the good share in percent, rounded down to hundredths: 100 means all."""
    return (total - bad) * 10_000 // total / 100 if total else 100.0
