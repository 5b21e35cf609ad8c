"""A field's transform: a step's name, a step with options, or a list of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, GetPydanticSchema
from pydantic.alias_generators import to_snake
from pydantic_core import core_schema

from shared.domain.text_transforms import (
    Join,
    Lookup,
    Lower,
    Replace,
    Slice,
    Split,
    Text,
    Trim,
    Truncate,
    Upper,
)
from shared.domain.transform_step import Transformation
from shared.domain.value_transforms import Boolean, DateStep, DateTimeStep, Number

MAX_STEPS = 20

Step = Annotated[
    Trim | Lower | Upper | Text | Number | Boolean | DateStep | DateTimeStep
    | Split | Join | Replace | Slice | Truncate | Lookup,
    Field(discriminator="type"),
]  # fmt: skip
StepName = Literal["trim", "lower", "upper", "text", "number", "boolean", "date", "dateTime"]
"""The steps that need no options, and so can be given by name alone."""

Steps = Annotated[tuple[Step, ...], Field(max_length=MAX_STEPS)]


def _normalised(transform: Any) -> Any:
    """Write a transform as the list of objects that it stands for; what it is not is left to the schema."""
    steps = transform if isinstance(transform, list | tuple) else [] if transform is None else [transform]
    return [{"type": step} if isinstance(step, str) else step for step in steps]


Transform = Annotated[
    StepName | Step | tuple[StepName | Step, ...] | None,
    GetPydanticSchema(
        lambda _source, handler: core_schema.no_info_before_validator_function(_normalised, handler(Steps))
    ),
]
"""Accepted in every form of the left side, and held as a tuple of steps."""


def shortest(steps: Iterable[Step]) -> Any:
    """Return steps in the shortest form that means the same, in JSON: nothing, a name, an object, a list."""
    written = [_written(step) for step in steps]
    return written if len(written) > 1 else next(iter(written), None)


def compile_steps(steps: Iterable[Step]) -> tuple[tuple[Transformation, str], ...]:
    """Return each step's function, with the reason code of a value that it can't take."""
    return tuple((step.compiled(), f"transform_{to_snake(step.type)}") for step in steps)


def _written(step: Step) -> Any:
    options = step.model_dump(mode="json", exclude_unset=True, exclude={"type"})
    return {"type": step.type, **options} if options or step.type not in get_args(StepName) else step.type
