"""The `parent` part of an entity: records that are listed for each record of another entity."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from shared.adapters.rest.listing import ListRequest
from shared.adapters.rest.notation import EntityName
from shared.domain.errors import Problem
from shared.domain.model import WireModel

if TYPE_CHECKING:
    from shared.adapters.rest.entity import EntityDefinition

PREFIX = "parent."
_OF_PARENT = re.compile(r"\{parent\.([^{}]*)\}")


class Parent(WireModel):
    """Whose records an entity's records are.

    Attributes:
        entity: Its list is read, and for each of its records this entity's.
        id_includes_parent: Whether ids are unique only beside their parent's; they become `parentId:id`.
        changes_with_children: Whether a change of a record here changes its parent too. Incremental runs
            then read only the parents that changed, and this entity has no increment of its own.
    """

    entity: EntityName
    id_includes_parent: bool = False
    changes_with_children: bool = False


def parent_fields(request: ListRequest) -> frozenset[str]:
    """Return what a request's templates name of the parent: `id`, or dotted paths in its record."""
    return frozenset(name for _, template, _ in request.templates() for name in _OF_PARENT.findall(template))


def parent_conflicts(entity: EntityDefinition) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with an entity that has a parent: the key to blame, and what is wrong with it."""
    parent, increment = entity.parent, entity.increment
    if parent is None:
        return
    for part, request in entity.listings():
        if not parent_fields(request):
            yield part, "does not say whose records it asks for; use {parent.id} in it"
    if increment and parent.changes_with_children:
        yield "increment", "can't stand beside `parent.changesWithChildren`; remove one of them"
    elif increment and not increment.has_times:
        cure = "must tell times beside `parent`: use `type: dateTime`, or `integer` with `unit`"
        yield "increment", cure
    for name in entity.record_requests() if parent.id_includes_parent else ():
        yield (
            name,
            "can't stand beside `parent.idIncludesParent`, whose ids the provider does not know",
        )


def parent_problems(entities: Mapping[str, EntityDefinition]) -> list[Problem]:
    """List the parents that are not there, lead in a circle, or don't tell what they should."""
    return [
        Problem(f"rest.entities.{name}.parent.{key}", message)
        for name, entity in entities.items()
        if entity.parent
        for key, message in _problems(name, entity.parent, entities)
    ]


def ancestors(name: str, entities: Mapping[str, EntityDefinition]) -> list[str]:
    """Return an entity's parent, the parent of that, and so on; each once, even in a circle."""
    found: list[str] = []
    entity = entities.get(name)
    while entity and entity.parent and entity.parent.entity not in found:
        found.append(entity.parent.entity)
        entity = entities.get(entity.parent.entity)
    return found


def _problems(
    name: str, parent: Parent, entities: Mapping[str, EntityDefinition]
) -> Iterator[tuple[str, str]]:
    if parent.entity not in entities:
        yield (
            "entity",
            f"is no entity of this document; name one of {', '.join(sorted({*entities} - {name}))}",
        )
    elif name in ancestors(name, entities):
        yield "entity", "leads back to this entity; one of them must have no parent"
    elif parent.changes_with_children and not entities[parent.entity].increment:
        yield "changesWithChildren", f"needs an `increment` on {parent.entity}, which tells its changes"
