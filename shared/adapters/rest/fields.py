"""The `fields` part of an entity: asking for no more of a record than the mapping reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.notation import AnswerHeader, HookName, JmesPath, Parameter, Path, Present
from shared.domain.field_paths import FieldPath, parents_of
from shared.domain.jmespath_fields import fields_of

if TYPE_CHECKING:
    from shared.adapters.rest.entity import EntityDefinition

PARENT_FIELD = "_parent"
"""What the adapter itself adds to the records of an entity with a parent."""

LONGEST_SELECTION = 4_000
"""Characters in a query; servers refuse URLs from 8,000 on. A longer selection is not sent."""


class FieldSelection(Parameter):
    """The parameter that names the fields to send.

    Attributes:
        separator: Between the names; null repeats the parameter, or makes a list in the body.
        always: Fields to ask for besides those that the mapping and this document read.
        style: `dotted` names inner fields, as `address.city`; `topLevel` the outermost ones only.
    """

    separator: Annotated[str, Field(min_length=1, max_length=5)] | None = ","
    always: Annotated[tuple[FieldPath, ...], Field(max_length=100)] = ()
    style: Literal["dotted", "topLevel"] = "dotted"


class FieldSelector:
    """Adds an entity's field selection to its requests, if the document declares one."""

    def __init__(self, entity: EntityDefinition) -> None:
        self._selection = entity.fields
        self._own = _own_paths(entity)

    def apply(self, fields: frozenset[str] | None, draft: Draft) -> None:
        """Ask for fields, by their dotted paths, and for those that this document reads itself.

        Where the fields are not known, everything has to come.
        """
        selection = self._selection
        if selection is None or fields is None or self._own is None:
            return
        names = _names({*fields, *self._own, *selection.always}, selection.style)
        if sum(map(len, names)) + len(names) > LONGEST_SELECTION:
            return
        value = names if selection.separator is None else selection.separator.join(names)
        draft.put(selection.location, selection.parameter, value)


def _own_paths(entity: EntityDefinition) -> frozenset[str] | None:
    """Return the fields that the document reads in every record; None if it may read any."""
    increment = entity.increment
    version = None if isinstance(entity.version, AnswerHeader) else entity.version
    read = (entity.id, entity.modified, entity.deleted, version, increment.field if increment else None)
    found = [_fields_of(path) for path in read if path is not None]
    known = [fields for fields in found if fields is not None]
    return frozenset[str]().union(*known) if len(known) == len(found) else None


def _fields_of(path: Path | Present) -> frozenset[str] | None:
    if isinstance(path, JmesPath):
        return fields_of(path.expression)
    if isinstance(path, HookName):
        return None
    return frozenset({path.path if isinstance(path, Present) else path})


def _names(paths: Iterable[str], style: str) -> list[str]:
    sent = {path for path in paths if path.partition(".")[0] != PARENT_FIELD}
    if style == "topLevel":
        return sorted({path.partition(".")[0] for path in sent})
    return sorted(path for path in sent if not parents_of(path) & sent)
