"""The `increment` part of an entity: how to ask only for what changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.adapters.rest.notation import BodyPath, Location, Name, Source, require_place
from shared.domain.model import WireModel
from shared.domain.validation import blame

WATERMARK = "{watermark}"
"""Stands for the value in `template`."""
LONGEST_LOOK_BACK_SECONDS = 90 * 86_400
PER_SECOND = {"seconds": 1, "milliseconds": 1_000, None: 0}
"""How often an integer counts in a second, by its `unit`."""
_PLACEHOLDER = re.compile(r"\{\w+\}")


class Increment(WireModel):
    """Where the watermark comes from (`field` of records, `token` or `link` of answers), and where it goes.

    Attributes:
        parameter: What takes the watermark: a query parameter, or with `in: body` a path in the JSON body.
        field: The record's field whose highest value becomes the watermark.
        token: Where the last page has an opaque watermark, such as a delta token or a history id.
        link: Where the last page has the URL that the next run asks for, in place of `list`.
        value_type: `type` in the document: `integer`, `dateTime`, or `text` that sorts by its characters.
        format: How a `dateTime` is written in requests, as Python's strftime; ISO 8601 in UTC with
            milliseconds without it.
        unit: What an `integer` counts since 1970; needed for a look-back.
        inclusive: Whether the API answers with records at exactly the value sent. Where it does not, the
            adapter asks from one unit earlier, so that records with equal values are not lost. A text has no
            units: it must be inclusive, or filtered here.
        look_back_seconds: How far before the watermark a run begins, for records that are committed late.
        client_side_filter: The API can't filter: everything is read, and what is older is left out here.
        initial: Sent by a run that has no watermark; without it, that run leaves the parameter out.
        quoted: Whether the value goes out in double quotes, as an entity tag.
        template: The parameter's whole text around the value, for APIs that filter by an expression.
    """

    parameter: Name | None = None
    location: Location = Field(default="query", alias="in")
    field: BodyPath | None = None
    token: Source | None = None
    link: Source | None = None
    value_type: Literal["integer", "text", "dateTime"] = Field(default="text", alias="type")
    format: Annotated[str, Field(min_length=2, max_length=50)] | None = None
    unit: Literal["seconds", "milliseconds"] | None = None
    inclusive: bool = False
    look_back_seconds: Annotated[int, Field(ge=0, le=LONGEST_LOOK_BACK_SECONDS)] = 0
    client_side_filter: bool = False
    initial: int | str | None = None
    quoted: bool = False
    template: Annotated[str, Field(max_length=2000)] | None = None

    @model_validator(mode="after")
    def _keys_fit_together(self) -> Self:
        if conflict := next(self._conflicts(), None):
            raise blame(*conflict)
        require_place(self.location, self.parameter or "unused")
        return self

    @property
    def has_times(self) -> bool:
        """Whether the watermark is a moment, which can be compared with a clock."""
        return self.field is not None and (self.value_type == "dateTime" or self.unit is not None)

    def _conflicts(self) -> Iterator[tuple[str, str]]:
        if [self.field, self.token, self.link].count(None) != 2:  # noqa: PLR2004 - all but one
            yield "", "needs one of `field` (of the records), `token` and `link` (of the answer)"
        if self.link:
            yield from self._link_conflicts()
        elif (self.parameter is None) is not self.client_side_filter:
            yield "", "needs one of `parameter` and `clientSideFilter: true`"
        if self.client_side_filter and self.initial is not None:
            yield "initial", "is sent in a parameter; remove it, or `clientSideFilter`"
        if self.token and (self.client_side_filter or self.look_back_seconds or self.value_type != "text"):
            yield "token", "is opaque: remove `type`, `lookBackSeconds` and `clientSideFilter`"
        if self.format and self.value_type != "dateTime":
            yield "format", "is for `type: dateTime`"
        if self.format and "%" not in self.format:
            yield "format", "is no pattern of strftime; write it as '%Y-%m-%dT%H:%M:%SZ'"
        if self.unit and self.value_type != "integer":
            yield "unit", "is for `type: integer`"
        yield from self._template_conflicts()
        yield from self._arithmetic_conflicts()

    def _link_conflicts(self) -> Iterator[tuple[str, str]]:
        if self.model_fields_set - {"link"}:
            yield "link", "says all that the next run asks for; remove the other keys"

    def _template_conflicts(self) -> Iterator[tuple[str, str]]:
        if self.template is None:
            return
        if _PLACEHOLDER.findall(self.template) != [WATERMARK]:
            yield "template", f"must have {WATERMARK} once, and no other placeholder"
        if self.client_side_filter:
            yield "template", "is sent in a parameter; remove it, or `clientSideFilter`"
        if self.quoted:
            cure = f"is for a value alone; write the quotes into `template`, as '\"{WATERMARK}\"'"
            yield "quoted", cure

    def _arithmetic_conflicts(self) -> Iterator[tuple[str, str]]:
        if self.look_back_seconds and self.value_type == "text":
            cure = "can't be taken from text; use `type: dateTime`, or `integer` with `unit`"
            yield "lookBackSeconds", cure
        if self.look_back_seconds and self.value_type == "integer" and not self.unit:
            yield "lookBackSeconds", "needs `unit`: what the integer counts, seconds or milliseconds"
        expected = int if self.value_type == "integer" else str
        if self.initial is not None and type(self.initial) is not expected:
            yield "initial", f"must be of type {self.value_type}, as the field's values"
        if self.field and self.value_type == "text" and not (self.inclusive or self.client_side_filter):
            cure = (
                "must be true for text, or records with equal values are lost; if the API leaves out the"
                " value sent, use `type: dateTime` or `integer`, or `clientSideFilter: true` without"
                " `parameter`"
            )
            yield "inclusive", cure
