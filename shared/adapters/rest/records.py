"""Answers to records: compiled once for an entity, called for each of its records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

from shared.adapters.rest.definition import EntityDefinition
from shared.domain.errors import ProviderContractError
from shared.domain.sync import Watermark
from shared.ports.adapter import SourceRecord

Reader = Callable[[Mapping[str, Any]], Any]
"""Returns what a path leads to, or None."""

_MODIFIED_TYPES = frozenset({str, int, type(None)})
_FLAG_TYPES = frozenset({bool, type(None)})


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one answer, and the highest value of the increment's field among them."""

    records: list[SourceRecord]
    watermark: Watermark | None


def compile_path(path: str | None) -> Reader:
    """Return a function that follows a dotted path; without a path it finds nothing."""
    if path is None:
        return lambda _: None
    name, _, rest = path.partition(".")
    if not rest:
        return methodcaller("get", name)
    follow = compile_path(rest)

    def read(record: Mapping[str, Any]) -> Any:
        inner = record.get(name)
        return follow(inner) if isinstance(inner, dict) else None

    return read


class RecordReader:
    """Reads the answers for one entity."""

    def __init__(self, name: str, entity: EntityDefinition) -> None:
        self._name = name
        self._path = entity.records
        self._records = compile_path(entity.records)
        self._id = compile_path(entity.id)
        self._modified = compile_path(entity.modified)
        self._deleted = compile_path(entity.deleted)
        self._increment = compile_path(entity.increment.field if entity.increment else None)
        self._entity = entity

    def read(self, answer: Any) -> Batch:
        """Turn a parsed body into records.

        Raises:
            ProviderContractError: The answer does not have the declared shape.
        """
        increment_type = self._entity.increment.python_type if self._entity.increment else None
        records: list[SourceRecord] = []
        watermark: Any = None
        for item in self._items(answer):
            if type(item) is not dict:
                raise self._breach(len(records), "is not an object")
            record = self._record(item, len(records))
            records.append(record)
            reached = self._increment(item)
            if reached is not None:
                if type(reached) is not increment_type:
                    raise self._breach(
                        len(records) - 1, "has an increment field of another type than declared"
                    )
                if watermark is None or reached > watermark:
                    watermark = reached
        return Batch(records, watermark)

    def _items(self, answer: Any) -> list[Any]:
        items: Any = answer
        if self._path:
            items = self._records(answer) if isinstance(answer, dict) else None
        if not isinstance(items, list):
            where = f"at `{self._path}`" if self._path else "as its whole body"
            raise ProviderContractError(
                f"The answer for entity {self._name} has no list of records {where};"
                " correct `records` in the provider's document."
            )
        return items

    def _record(self, item: dict[str, Any], index: int) -> SourceRecord:
        external_id, modified, deleted = self._id(item), self._modified(item), self._deleted(item)
        if type(external_id) is int:
            external_id = str(external_id)
        if type(external_id) is not str or not external_id:
            raise self._breach(index, f"has no text or whole number at `{self._entity.id}` for its id")
        if type(modified) not in _MODIFIED_TYPES:
            raise self._breach(index, f"has no text or whole number at `{self._entity.modified}`")
        if type(deleted) not in _FLAG_TYPES:
            raise self._breach(index, f"has neither true nor false at `{self._entity.deleted}`")
        return SourceRecord(external_id, item, modified, deleted is True)

    def _breach(self, index: int, what: str) -> ProviderContractError:
        return ProviderContractError(
            f"Record {index} of a page of entity {self._name} {what}; correct the provider's document."
        )
