"""Transform steps that make numbers, booleans, dates and times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from shared.domain.dates import MomentReader, moment_reader, utc_text
from shared.domain.scalars import is_blank, to_number, to_text
from shared.domain.transform_step import Transformation, TransformStep
from shared.domain.validation import blame


class Number(TransformStep):
    """A number, or the number that a text holds; rounded half away from zero if `decimals` are given."""

    type: Literal["number"] = "number"
    decimals: Annotated[int, Field(ge=0, le=12)] | None = None

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        unit = None if self.decimals is None else Decimal(1).scaleb(-self.decimals)
        make = float if self.decimals else int

        def number(value: Any) -> int | float | None:
            if is_blank(value):
                return None
            result = to_number(value)
            return result if unit is None else make(_rounded(result, unit))

        return number


def _rounded(number: float, unit: Decimal) -> Decimal:
    return Decimal(str(number)).quantize(unit, ROUND_HALF_UP)


Words = Annotated[
    tuple[Annotated[str, StringConstraints(max_length=50)], ...], Field(min_length=1, max_length=20)
]


class Boolean(TransformStep):
    """True or false from one of their words, whatever its case; blank text is no value."""

    type: Literal["boolean"] = "boolean"
    true_words: Words = ("true", "yes", "1")
    false_words: Words = ("false", "no", "0")

    @model_validator(mode="after")
    def _words_differ(self) -> Self:
        both = {_folded(word) for word in self.true_words} & {_folded(word) for word in self.false_words}
        if both:
            words = ", ".join(sorted(both))
            raise blame("trueWords", f"has words of falseWords too: {words}; keep each in one")
        return self

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        meanings: dict[str, bool | None] = {"": None}
        meanings |= {_folded(word): True for word in self.true_words}
        meanings |= {_folded(word): False for word in self.false_words}

        def boolean(value: Any) -> bool | None:
            if isinstance(value, bool):
                return value
            try:
                return meanings[_folded(to_text(value))]
            except KeyError:
                raise ValueError from None

        return boolean


def _folded(word: str) -> str:
    return word.strip().lower()


class _Moment(TransformStep):
    """A step that reads a moment in one of several formats, the first that fits."""

    formats: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...],
        Field(min_length=1, max_length=10),
    ] = ("iso",)

    @field_validator("formats")
    @classmethod
    def _are_formats(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        for each in formats:
            try:
                moment_reader(each)
            except ValueError as error:
                raise ValueError(f"{each!r} is not a date format: {error}") from None
        return formats

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        readers = [moment_reader(each) for each in self.formats]
        read = readers[0] if len(readers) == 1 else partial(_first_that_fits, readers)
        write = self._written
        return lambda value: None if is_blank(value) else write(read(value))

    @staticmethod
    def _written(moment: datetime) -> str:
        raise NotImplementedError


class DateStep(_Moment):
    """The date, in UTC, of what the provider wrote: `2026-01-31`."""

    type: Literal["date"] = "date"

    @staticmethod
    def _written(moment: datetime) -> str:
        return moment.date().isoformat()


class DateTimeStep(_Moment):
    """The moment, in UTC with microseconds, of what the provider wrote: `2026-01-31T12:00:00.000000Z`."""

    type: Literal["dateTime"] = "dateTime"

    @staticmethod
    def _written(moment: datetime) -> str:
        return utc_text(moment)


def _first_that_fits(readers: Sequence[MomentReader], value: Any) -> datetime:
    for read in readers:
        try:
            return read(value)
        except (ValueError, TypeError, OverflowError):
            continue
    raise ValueError
