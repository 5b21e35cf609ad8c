"""Transform steps that make, cut and join text."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from shared.domain.scalars import Scalar, to_text
from shared.domain.transform_step import Separator, Transformation, TransformStep


class Trim(TransformStep):
    """Text without the space around it; blank text is no value."""

    type: Literal["trim"] = "trim"

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        return lambda value: to_text(value).strip() or None


class Lower(TransformStep):
    """Trimmed text in small letters."""

    type: Literal["lower"] = "lower"

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        return lambda value: to_text(value).strip().lower() or None


class Upper(TransformStep):
    """Trimmed text in capital letters."""

    type: Literal["upper"] = "upper"

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        return lambda value: to_text(value).strip().upper() or None


class Text(TransformStep):
    """A plain value as text."""

    type: Literal["text"] = "text"

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        return to_text


class Split(TransformStep):
    """Text cut at a separator into a list; the parts are trimmed, blank ones left out."""

    type: Literal["split"] = "split"
    separator: Separator

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        separator = self.separator

        def split(value: Any) -> list[str] | None:
            return [part for raw in to_text(value).split(separator) if (part := raw.strip())] or None

        return split


class Join(TransformStep):
    """A list's plain values as one text."""

    type: Literal["join"] = "join"
    separator: Separator

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        separator = self.separator

        def join(value: Any) -> str | None:
            if not isinstance(value, list):
                raise TypeError
            return separator.join(to_text(item) for item in value if item is not None) or None

        return join


class Replace(TransformStep):
    """Text with every occurrence of one literal replaced by another."""

    type: Literal["replace"] = "replace"
    old: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    new: Annotated[str, StringConstraints(max_length=200)]

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        old, new = self.old, self.new
        return lambda value: to_text(value).replace(old, new)


class Slice(TransformStep):
    """The characters of a text, or the items of a list, from `start` up to but without `end`.

    Both count from 0; negative ones count from the end.
    """

    type: Literal["slice"] = "slice"
    start: int = 0
    end: int | None = None

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        part = slice(self.start, self.end)
        return lambda value: value[part] if isinstance(value, list) else to_text(value)[part]


class Truncate(TransformStep):
    """At most the first `max` characters of a text, or items of a list."""

    type: Literal["truncate"] = "truncate"
    max: Annotated[int, Field(ge=1, le=1_000_000)]

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        return Slice(end=self.max).compiled()


class Lookup(TransformStep):
    """What a table holds for the value's text.

    A value that is not in the table becomes `otherwise`, where null means no value; without `otherwise`
    the record is rejected.
    """

    type: Literal["lookup"] = "lookup"
    table: Annotated[dict[str, Scalar], Field(min_length=1, max_length=1000)]
    otherwise: Scalar = None

    def compiled(self) -> Transformation:
        """Return what the step does to a value."""
        table, otherwise = self.table, self.otherwise
        if "otherwise" in self.model_fields_set:
            return lambda value: table.get(to_text(value), otherwise)

        def look_up(value: Any) -> Scalar:
            try:
                return table[to_text(value)]
            except KeyError:
                raise ValueError from None

        return look_up
