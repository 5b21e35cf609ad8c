"""The `errors` and `retryAfter` parts of a provider's document: what its failures mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, model_validator

from shared.adapters.rest.notation import BodyPath, HeaderName
from shared.domain.model import WireModel
from shared.domain.validation import blame

Action = Literal[
    "rateLimited",
    "retry",
    "refresh",
    "unauthenticated",
    "forbidden",
    "permanent",
    "reset",
    "conflict",
    "notFound",
    "reject",
]
_MOST_VALUES = 100
Status = Annotated[int, Field(ge=200, le=599)]


def _values(value: Any) -> tuple[Any, ...]:
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not 0 < len(values) <= _MOST_VALUES or any(type(each) not in {str, int, bool} for each in values):
        raise ValueError(f"must be a text, a whole number, true or false, or a list of 1 to {_MOST_VALUES}")
    return values


Values = Annotated[tuple[Any, ...], PlainValidator(_values)]
"""One value in the document, or a list of them."""


class ErrorRule(WireModel):
    """An answer that fits all of a rule's conditions is the error that `action` names.

    Attributes:
        status: The status code.
        body_path: A place in the JSON body; without `equals`, anything but null, false and emptiness fits.
        header: A header; without `equals`, any value fits.
        equals: The value at `bodyPath` or in `header`, or a list of those that fit.
        action: `rateLimited` and `retry` are tried again, after the pause that `retryAfter` tells;
            `refresh` is tried again once with a new access token;
            `unauthenticated`, `forbidden` and `permanent` end the run; `reset` ends it because the
            watermark is no longer known to the provider, and everything has to be read afresh. `conflict`,
            `notFound` and `reject` are about one record, and not looked at where many are asked for.
    """

    status: Status | None = None
    body_path: BodyPath | None = None
    header: HeaderName | None = None
    equals: Values | None = None
    action: Action

    @model_validator(mode="after")
    def _conditions_fit_together(self) -> Self:
        if conflict := next(self._conflicts(), None):
            raise blame(*conflict)
        return self

    def _conflicts(self) -> Iterator[tuple[str, str]]:
        if self.status is None and self.body_path is None and self.header is None:
            yield "", "needs a condition: `status`, `bodyPath` or `header`"
        if self.body_path is not None and self.header is not None:
            yield "header", "can't stand beside `bodyPath`; keep one of them"
        if self.equals is not None and self.body_path is None and self.header is None:
            yield "equals", "needs a `bodyPath` or `header` to look at"
        if self.header is not None and any(type(each) is not str for each in self.equals or ()):
            yield "equals", "must be text where it is compared with a header; put it in quotes"
