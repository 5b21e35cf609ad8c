"""Puts together what fetches an entity's pages, as its document declares it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shared.adapters.rest.ceiling import Capped
from shared.adapters.rest.client import EntityClient
from shared.adapters.rest.deletion_pages import DeletionList, GoesOn
from shared.adapters.rest.deletions import POSITION_KEY
from shared.adapters.rest.entity import EntityDefinition
from shared.adapters.rest.increment import Increment
from shared.adapters.rest.line import Line
from shared.adapters.rest.page_source import PageSource
from shared.adapters.rest.parent_reader import ParentReader
from shared.adapters.rest.parent_walk import ParentWalk
from shared.adapters.rest.parents import Parent, parent_fields
from shared.adapters.rest.watermarks import WatermarkReader

Entities = Mapping[str, EntityDefinition]
LineOf = Callable[[str], Line]
"""Returns the line for an entity's requests."""


def source_of(line_of: LineOf, entities: Entities, name: str) -> PageSource:
    """Return the source of an entity's pages."""
    source = _records_of(line_of, entities, name)
    entity = entities[name]
    deletions = entity.deletions
    increment = _increment_of(entity, entities)
    if increment and increment.has_times and (entity.parent or (deletions and deletions.listing)):
        source = Capped(source, WatermarkReader(increment))
    if entity.increment and entity.tombstones_need_a_watermark:
        source = GoesOn(source, source, "changes", entity.increment, always=False)
    if deletions and deletions.listing and deletions.id and entity.increment:
        listed = EntityDefinition.model_construct(
            listing=deletions.listing,
            records=deletions.records,
            id=deletions.id,
            page=deletions.page,
            pagination=deletions.pagination,
            increment=deletions.merged(entity.increment),
        )
        gone = DeletionList(EntityClient(line_of(name), name, listed))
        source = GoesOn(source, gone, POSITION_KEY, entity.increment, always=True)
    return source


def _records_of(line_of: LineOf, entities: Entities, name: str) -> PageSource:
    entity = entities[name]
    client = EntityClient(line_of(name), name, entity)
    parent = entity.parent
    if parent is None:
        return client
    reader = _reader_of(parent, entity, entities[parent.entity])
    return ParentWalk(client, _records_of(line_of, entities, parent.entity), reader, parent)


def _reader_of(parent: Parent, entity: EntityDefinition, parent_entity: EntityDefinition) -> ParentReader:
    names = frozenset[str]().union(*(parent_fields(request) for _, request in entity.listings()))
    return ParentReader(parent.entity, parent_entity.id, names, id_goes_first=parent.id_includes_parent)


def _increment_of(entity: EntityDefinition, entities: Entities) -> Increment | None:
    parent = entity.parent
    if parent and parent.changes_with_children:
        return _increment_of(entities[parent.entity], entities)
    return entity.increment
