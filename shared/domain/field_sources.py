"""Where a mapped field's value comes from: a path, a JMESPath expression, a constant, several fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Annotated, Any

import orjson
from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator

from shared.domain.field_paths import PATH_PATTERN, FieldPath, Reader, compile_path
from shared.domain.jmespath_check import compile_jmespath
from shared.domain.jmespath_fields import fields_of
from shared.domain.model import WireModel
from shared.domain.scalars import to_text


class JmesPath(WireModel):
    """What a JMESPath expression finds, for what a path can't say: lists, conditions, functions."""

    jmespath: Annotated[str, StringConstraints(min_length=1, max_length=1000)]

    @field_validator("jmespath")
    @classmethod
    def _compiles(cls, expression: str) -> str:
        compile_jmespath(expression)
        return expression

    def reader(self) -> Reader:
        """Return the reader. It raises ValueError or TypeError where the record does not suit."""
        search = compile_jmespath(self.jmespath).search

        def read(record: Mapping[str, Any]) -> Any:
            try:
                value = search(record)
            except (LookupError, AttributeError) as error:  # the library's functions are not total
                raise ValueError from error
            orjson.dumps(value)  # an expression can make what JSON has not, such as integers of any size
            return value

        return read

    def reads(self) -> frozenset[str] | None:
        """Return the record's fields that it reads; None where it may read any."""
        return fields_of(self.jmespath)


class Constant(WireModel):
    """The same value for every record."""

    constant: str | int | float | bool

    def reader(self) -> Reader:
        """Return the reader."""
        value = self.constant
        return lambda _record: value

    def reads(self) -> frozenset[str] | None:
        """Return the record's fields that it reads."""
        return frozenset()


class Concat(WireModel):
    """The texts of several fields, one after the other; those that are missing or blank are left out."""

    concat: Annotated[tuple[FieldPath, ...], Field(min_length=1, max_length=20)]
    separator: Annotated[str, StringConstraints(max_length=20)] = " "

    def reader(self) -> Reader:
        """Return the reader. It raises TypeError for a field that is a list or an object."""
        readers = [compile_path(path) for path in self.concat]
        separator = self.separator

        def read(record: Mapping[str, Any]) -> str | None:
            values = [value for reader in readers if (value := reader(record)) is not None]
            texts = [text for value in values if (text := to_text(value).strip())]
            return separator.join(texts) if texts else None

        return read

    def reads(self) -> frozenset[str] | None:
        """Return the record's fields that it reads."""
        return frozenset(self.concat)


class Template(WireModel):
    """Text around fields: `{firstName} {lastName}`. There is no value unless every field has one."""

    template: Annotated[str, StringConstraints(min_length=1, max_length=1000)]

    @field_validator("template")
    @classmethod
    def _names_fields(cls, template: str) -> str:
        names = [name for _text, name in _pieces(template) if name is not None]
        wrong = [name for name in names if not re.fullmatch(PATH_PATTERN, name)]
        if wrong or not names:
            raise ValueError(
                "write fields as {field} or {outer.inner}, and braces that are text as {{ and }};"
                + (f" this is no field: {{{wrong[0]}}}" if wrong else " no field is named")
            )
        return template

    def reader(self) -> Reader:
        """Return the reader. It raises TypeError for a field that is a list or an object."""
        pieces = [(text, compile_path(name) if name else None) for text, name in _pieces(self.template)]

        def read(record: Mapping[str, Any]) -> str | None:
            texts: list[str] = []
            for text, reader in pieces:
                texts.append(text)
                if reader:
                    if (value := reader(record)) is None:
                        return None
                    texts.append(to_text(value))
            return "".join(texts)

        return read

    def reads(self) -> frozenset[str] | None:
        """Return the record's fields that it reads."""
        return frozenset(name for _text, name in _pieces(self.template) if name)


def _pieces(template: str) -> list[tuple[str, str | None]]:
    """Split a template into text and the field that follows it.

    A format specification or conversion stays part of the name, and is no path then.
    """
    return [
        (text, name if name is None else name + (f"!{conversion}" if conversion else "") + (spec or ""))
        for text, name, spec, conversion in Formatter().parse(template)
    ]


_KINDS: dict[str, type[WireModel]] = {
    "jmespath": JmesPath,
    "constant": Constant,
    "concat": Concat,
    "template": Template,
}


def kind_of(source: Any) -> str | None:
    """Return `path`, or the key that makes an object a source of its kind; None if it is none."""
    if isinstance(source, str):
        return "path"
    if isinstance(source, Mapping):
        return next((kind for kind in _KINDS if kind in source), None)
    return next((kind for kind, model in _KINDS.items() if isinstance(source, model)), None)


FieldSource = Annotated[
    Annotated[FieldPath, Tag("path")]
    | Annotated[JmesPath, Tag("jmespath")]
    | Annotated[Constant, Tag("constant")]
    | Annotated[Concat, Tag("concat")]
    | Annotated[Template, Tag("template")],
    Discriminator(
        kind_of,
        custom_error_type="field_source",
        custom_error_message=f"give a dotted path, or an object with one of {', '.join(_KINDS)}",
    ),
]


def compile_source(source: FieldSource) -> Reader:
    """Return the reader of a source."""
    return compile_path(source) if isinstance(source, str) else source.reader()


def fields_read(source: FieldSource) -> frozenset[str] | None:
    """Return the paths of the record's fields that a source reads; None if that is not known."""
    return frozenset({source}) if isinstance(source, str) else source.reads()
