"""What an entity's requests and records have of its parent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.adapters.rest.answers import compile_field
from shared.adapters.rest.fields import PARENT_FIELD
from shared.adapters.rest.notation import Path
from shared.domain.errors import ProviderContractError
from shared.domain.field_paths import compile_target
from shared.ports.adapter import SourceRecord

LONGEST_VALUE = 500
"""Characters; a hundred parents' values are kept in a checkpoint, and they stand in URLs."""


class ParentReader:
    """Reads parents' records, and marks their children.

    Args:
        entity: The parent entity's name, for messages.
        id_path: Where its records have their id.
        names: What the children's requests name of it: `id`, or dotted paths.
        id_goes_first: Whether children's ids are unique only beside their parent's.
    """

    def __init__(self, entity: str, id_path: Path, names: frozenset[str], *, id_goes_first: bool) -> None:
        self._entity = entity
        self.paths = names - {"id"}
        self._readers = {"id": compile_field(id_path), **{name: compile_field(name) for name in self.paths}}
        self._writers = {name: compile_target(f"{PARENT_FIELD}.{name}") for name in self._readers}
        self._id_goes_first = id_goes_first

    def values(self, record: SourceRecord) -> dict[str, str]:
        """Return what the requests need of a parent.

        Raises:
            ProviderContractError: It has no text or number there.
        """
        return {name: self._text(name, read(record.data)) for name, read in self._readers.items()}

    def adopted(self, record: SourceRecord, parent: Mapping[str, str]) -> SourceRecord:
        """Return a child's record with its parent's values under `_parent`, and its id in the entity."""
        data: dict[str, Any] = {key: value for key, value in record.data.items() if key != PARENT_FIELD}
        for name, value in parent.items():
            self._writers[name](data, value)
        key = f"{_without_colon(parent['id'])}:{record.external_id}" if self._id_goes_first else None
        return replace(record, data=data, external_id=key or record.external_id)

    def _text(self, name: str, value: Any) -> str:
        if type(value) is int:
            value = str(value)
        if type(value) is str and 0 < len(value) <= LONGEST_VALUE and value.isprintable():
            return value
        raise ProviderContractError(
            f"A record of entity {self._entity} has no whole number at `{name}`, and no text of one line and"
            f" at most {LONGEST_VALUE} characters; its children's request needs one."
        )


def _without_colon(key: str) -> str:
    """Keep `a:b` + `c` and `a` + `b:c` apart."""
    return key.replace("%", "%25").replace(":", "%3A")
