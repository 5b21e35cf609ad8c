"""Mapped fields, compiled once: a provider's record in, one value of the shard's data out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.domain.errors import Reason
from shared.domain.field_paths import Reader, compile_target
from shared.domain.field_sources import compile_source, kind_of
from shared.domain.integration import FieldMapping
from shared.domain.scalars import Scalar
from shared.domain.transform_step import Transformation
from shared.domain.transforms import compile_steps

REFUSALS = (ValueError, TypeError, ArithmeticError)
"""What sources and transforms raise for a value that they can't take."""


class CompiledField:
    """A field's mapping ready to be applied to many records.

    Attributes:
        target: The shard's field.
        read: Returns a record's value for the field, None where it is to be left out. Raises one of REFUSALS
            for a record that has to be rejected; `reason` then says why.
        write: Puts a value into a shard's data.
    """

    def __init__(self, field: FieldMapping) -> None:
        self.target = field.shard_field
        self._source = compile_source(field.external_field)
        self._source_code = f"transform_{kind_of(field.external_field)}"
        self._steps = compile_steps(field.steps)
        transforms = [transform for transform, _code in self._steps]
        self.read = _pipeline(self._source, transforms, field.default, required=field.required)
        self.write = compile_target(self.target)

    def reason(self, record: Mapping[str, Any]) -> Reason:
        """Return why a record that `read` refuses is refused."""
        code = self._source_code
        try:
            value = self._source(record)
            for transform, code in self._steps:  # noqa: B007 - the failing one's is read below
                if value is None:
                    break
                value = transform(value)
        except REFUSALS:
            what = code.removeprefix("transform_")
            return Reason(
                code, self.target, f"{self.target} can't be made of what the provider sent: {what}."
            )
        return Reason("required", self.target, f"{self.target} is required and missing.")


def _pipeline(
    source: Reader, transforms: Sequence[Transformation], default: Scalar, *, required: bool
) -> Reader:
    """Return the reader of a field's value; most are copies or have one transform, and need no loop."""
    if default is not None or required or len(transforms) > 1:
        return _whole_pipeline(source, transforms, default, required=required)
    if not transforms:
        return source
    (transform,) = transforms

    def read(record: Mapping[str, Any]) -> Any:
        value = source(record)
        return None if value is None else transform(value)

    return read


def _whole_pipeline(
    source: Reader, transforms: Sequence[Transformation], default: Scalar, *, required: bool
) -> Reader:
    def read(record: Mapping[str, Any]) -> Any:
        value = source(record)
        for transform in transforms:
            if value is None:
                break
            value = transform(value)
        if value is None:
            value = default
        if value is None and required:
            raise ValueError
        return value

    return read
