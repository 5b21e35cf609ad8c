"""The `increment` part of an entity: how to ask only for what changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.adapters.rest.notation import BodyPath, Location, Name, Source, require_place
from shared.domain.model import WireModel

LONGEST_LOOK_BACK_SECONDS = 90 * 86_400


class Increment(WireModel):
    """Where the watermark comes from (`field` of the records, or `token` of the answer), and where it goes.

    Attributes:
        parameter: What takes the watermark: a query parameter, or with `in: body` a path in the JSON body.
        field: The record's field whose highest value becomes the watermark.
        token: Where the last page has an opaque watermark, such as a delta token or a history id.
        value_type: `type` in the document: `integer`, `dateTime`, or `text` that sorts by its characters.
        format: How a `dateTime` is written in requests, as Python's strftime; ISO 8601 in UTC with
            milliseconds without it.
        unit: What an `integer` counts since 1970; needed for a look-back.
        inclusive: Whether the API answers with records at exactly the value sent. Where it does not, the
            adapter asks from one unit earlier, so that records with equal values are not lost.
        look_back_seconds: How far before the watermark a run begins, for records that are committed late.
        client_side_filter: The API can't filter: everything is read, and what is older is left out here.
        initial: Sent by a run that has no watermark; without it, that run leaves the parameter out.
        quoted: Whether the value goes out in double quotes, as an entity tag.
    """

    parameter: Name | None = None
    location: Location = Field(default="query", alias="in")
    field: BodyPath | None = None
    token: Source | None = None
    value_type: Literal["integer", "text", "dateTime"] = Field(default="text", alias="type")
    format: Annotated[str, Field(min_length=2, max_length=50)] | None = None
    unit: Literal["seconds", "milliseconds"] | None = None
    inclusive: bool = False
    look_back_seconds: Annotated[int, Field(ge=0, le=LONGEST_LOOK_BACK_SECONDS)] = 0
    client_side_filter: bool = False
    initial: int | str | None = None
    quoted: bool = False

    @model_validator(mode="after")
    def _keys_fit_together(self) -> Self:
        if conflict := next(self._conflicts(), None):
            raise ValueError(conflict)
        require_place(self.location, self.parameter or "unused")
        return self

    def _conflicts(self) -> Iterator[str]:
        if (self.field is None) == (self.token is None):
            yield "needs one of `field` (of the records) and `token` (of the answer)"
        if (self.parameter is None) is not self.client_side_filter:
            yield "needs one of `parameter` and `clientSideFilter: true`"
        if self.client_side_filter and self.initial is not None:
            yield "`initial` is sent in a parameter; remove it, or `clientSideFilter`"
        if self.token and (self.client_side_filter or self.look_back_seconds or self.value_type != "text"):
            yield "a `token` is opaque: remove `type`, `lookBackSeconds` and `clientSideFilter`"
        if self.format and self.value_type != "dateTime":
            yield "`format` is for `type: dateTime`"
        if self.format and "%" not in self.format:
            yield "`format` is no pattern of strftime; write it as '%Y-%m-%dT%H:%M:%SZ'"
        if self.unit and self.value_type != "integer":
            yield "`unit` is for `type: integer`"
        yield from self._arithmetic_conflicts()

    def _arithmetic_conflicts(self) -> Iterator[str]:
        if self.look_back_seconds and self.value_type == "text":
            yield "`lookBackSeconds` can't be taken from text; use `type: dateTime`, or `integer` with `unit`"
        if self.look_back_seconds and self.value_type == "integer" and not self.unit:
            yield "`lookBackSeconds` needs `unit`: what the integer counts, seconds or milliseconds"
        expected = int if self.value_type == "integer" else str
        if self.initial is not None and type(self.initial) is not expected:
            yield f"initial must be of type {self.value_type}, as the field's values"
