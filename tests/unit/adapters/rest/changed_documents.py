"""The working document with something different."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from shared.domain.provider import ProviderDocument
from tests.fakes.provider_server import DOCUMENT

ENTITY = "rest.entities.thing"


def changed(path: str, value: Any = None, *, drop: bool = False) -> ProviderDocument:
    """Return the working document with one thing different."""
    document = deepcopy(DOCUMENT)
    *parents, last = path.split("/")
    node = document
    for parent in parents:
        node = node[parent]
    if drop:
        del node[last]
    else:
        node[last] = value
    return ProviderDocument.model_validate(document)


def in_entity(path: str, value: Any) -> ProviderDocument:
    return changed(f"rest/entities/thing/{path}", value)


def in_entity_parts(**parts: Any) -> ProviderDocument:
    return changed("rest/entities/thing", {**DOCUMENT["rest"]["entities"]["thing"], **parts})
