"""The `errors` and `retryAfter` parts of a provider's document: what its failures mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from shared.adapters.rest.notation import BodyPath, HeaderName
from shared.domain.model import WireModel

Action = Literal[
    "rateLimited",
    "retry",
    "unauthenticated",
    "forbidden",
    "permanent",
    "reset",
    "conflict",
    "notFound",
    "reject",
]
Status = Annotated[int, Field(ge=200, le=599)]
Value = StrictBool | StrictInt | StrictStr


class ErrorRule(WireModel):
    """An answer that fits all of a rule's conditions is the error that `action` names.

    Attributes:
        status: The status code.
        body_path: A place in the JSON body; without `equals`, anything but null, false and emptiness fits.
        header: A header; without `equals`, any value fits.
        equals: The value at `bodyPath` or in `header`.
        action: `rateLimited` and `retry` are tried again, after the pause that `retryAfter` tells;
            `unauthenticated`, `forbidden` and `permanent` end the run; `reset` ends it because the
            watermark is no longer known to the provider, and everything has to be read afresh. `conflict`,
            `notFound` and `reject` are about one record, and not looked at where many are asked for.
    """

    status: Status | None = None
    body_path: BodyPath | None = None
    header: HeaderName | None = None
    equals: Value | None = None
    action: Action

    @model_validator(mode="after")
    def _conditions_fit_together(self) -> Self:
        if conflict := next(self._conflicts(), None):
            raise ValueError(conflict)
        return self

    def _conflicts(self) -> Iterator[str]:
        if self.status is None and self.body_path is None and self.header is None:
            yield "needs a condition: `status`, `bodyPath` or `header`"
        if self.body_path is not None and self.header is not None:
            yield "has both `bodyPath` and `header`; write two rules"
        if self.equals is not None and self.body_path is None and self.header is None:
            yield "`equals` needs a `bodyPath` or `header` to look at"
        if self.header is not None and self.equals is not None and not isinstance(self.equals, str):
            yield "`equals` must be text where it is compared with a header; put it in quotes"
