"""What every transform step is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import StringConstraints

from shared.domain.model import WireModel

Transformation = Callable[[Any], Any]
"""From a value that is not None to its transformed form; None means that there is no value (any more).

It raises TypeError, ValueError or ArithmeticError for a value that it can't take.
"""

Separator = Annotated[str, StringConstraints(min_length=1, max_length=20)]


class TransformStep(WireModel):
    """One step of a transform. A subclass names itself in `type` and compiles itself, once a mapping."""

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        raise NotImplementedError
