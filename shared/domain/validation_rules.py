"""Validation rules: what has to be true of a shard's field, configured with the mapping.

A value that is missing or null breaks `required` and nothing else.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from shared.domain.field_paths import FieldPath
from shared.domain.iso_codes import COUNTRIES
from shared.domain.model import WireModel
from shared.domain.named_checks import NAMED_CHECKS
from shared.domain.text_patterns import pattern_test
from shared.domain.validation import blame
from shared.domain.value_formats import FormatName
from shared.domain.value_tests import range_test

Bound = int | float | Annotated[str, StringConstraints(max_length=40)]
Length = Annotated[int, Field(ge=0, le=10_000_000)]


class ValueRange(WireModel):
    """Bounds, both inclusive: of numbers, or of dates and times written in ISO 8601."""

    min: Bound | None = None
    max: Bound | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        bounds = [bound for bound in (self.min, self.max) if bound is not None]
        if not bounds:
            raise ValueError("give min, max or both")
        if len({isinstance(bound, str) for bound in bounds}) > 1:
            raise ValueError("min and max are both numbers, or both dates")
        if not range_test(self.min, self.max)(bounds[0]):
            raise blame("min", "is above max; swap them")
        return self


class FieldRules(WireModel):
    """Every rule about one field of the shard.

    Attributes:
        region: The country (ISO 3166-1 alpha-2) of phone numbers that do not name theirs; without it
            they have to begin with `+`.
        min_length: Characters of a text, items of a list; `max_length` too.
        pattern: A regular expression found anywhere in the text: write `^` and `$` for all of it. The
            engine (Rust's regex, through pydantic) takes time linear in the text whatever the pattern
            is, and so has no look-around and no back-references.
        custom: The name of a check in `named_checks.NAMED_CHECKS`.
    """

    field: FieldPath
    required: bool = False
    format: FormatName | None = None
    region: str | None = None
    range: ValueRange | None = None
    min_length: Length | None = None
    max_length: Length | None = None
    enum: Annotated[tuple[str | int | float | bool, ...], Field(min_length=1, max_length=1000)] | None = None
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = None
    custom: str | None = None

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            pattern_test(pattern)
        return pattern

    @field_validator("region")
    @classmethod
    def _is_a_country(cls, region: str | None) -> str | None:
        if region is not None and region not in COUNTRIES:
            raise ValueError("give the two capital letters of a country, such as US")
        return region

    @field_validator("custom")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        if name is not None and name not in NAMED_CHECKS:
            raise ValueError(f"there is no such check; there are {', '.join(NAMED_CHECKS)}")
        return name

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.region and self.format != "phone":
            raise blame("region", "is for the format phone; add it, or leave region out")
        if self.min_length is not None and self.max_length is not None and self.min_length > self.max_length:
            raise blame("minLength", "is above maxLength; swap them")
        if not self.model_fields_set - {"field"}:
            raise ValueError(f"no rule is given for {self.field}; add one, or leave the entry out")
        return self
