"""Answers to records: compiled once for an entity, called for each of its records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.adapters.rest.answers import compile_field, compile_mark, compile_path
from shared.adapters.rest.entity import EntityDefinition
from shared.adapters.rest.notation import AnswerHeader, Path
from shared.adapters.rest.watermarks import WatermarkReader
from shared.domain.errors import ProviderContractError
from shared.domain.sync import Watermark
from shared.ports.adapter import SourceRecord

MAX_RECORDS = 100_000
"""Of one answer. What is made of each before the first is stored takes more memory than its JSON."""

_STAMP_TYPES = frozenset({str, int, type(None)})
_FLAG_TYPES = frozenset({bool, type(None)})


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one answer.

    Attributes:
        records: Those to keep.
        watermark: The highest value of the increment's field among all.
        count: How many there were.
        everything: All of them, also those not to keep.
    """

    records: list[SourceRecord]
    watermark: Watermark | None
    count: int
    everything: list[SourceRecord]


class RecordReader:
    """Reads the answers for one entity.

    Args:
        name: The entity's, for messages.
        entity: Its definition.
        records: Where these answers have their list; None where they are the list.
    """

    def __init__(self, name: str, entity: EntityDefinition, records: Path | None) -> None:
        self._name = name
        self._entity = entity
        self._path = records
        self._records = compile_path(records)
        self._id = compile_field(entity.id)
        self._modified = compile_field(entity.modified)
        self._deleted = compile_mark(entity.deleted)
        self._version = compile_field(None if isinstance(entity.version, AnswerHeader) else entity.version)
        self._watermarks = WatermarkReader(entity.increment) if entity.increment else None

    def read(self, answer: Any, floor: Watermark | None = None) -> Batch:
        """Turn a parsed body into records, without those that changed before `floor`.

        Raises:
            ProviderContractError: The answer does not have the declared shape.
        """
        items = self._items(answer)
        records: list[SourceRecord] = []
        kept: list[SourceRecord] = []
        highest: Any = None
        for index, item in enumerate(items):
            if type(item) is not dict:
                raise self._breach(index, "is not an object")
            record = self._record(item, index)
            reached: Any = self._reached(item, index)
            if reached is not None and (highest is None or reached > highest):
                highest = reached
            records.append(record)
            if floor is not None and (reached is None or reached >= floor):
                kept.append(record)
        return Batch(records if floor is None else kept, highest, len(items), records)

    def read_one(self, item: Any) -> SourceRecord:
        """Turn a record that came alone into what the sync needs of it.

        Raises:
            ProviderContractError: It does not have the declared shape.
        """
        if type(item) is not dict:
            raise self._breach(None, "is not an object")
        return self._record(item, None)

    def _items(self, answer: Any) -> list[Any]:
        items: Any = self._records(answer) if self._path else answer
        if not isinstance(items, list):
            where = f"at `{self._path}`" if self._path else "as its whole body"
            raise ProviderContractError(
                f"The answer for entity {self._name} has no list of records {where};"
                " correct `records` in the provider's document."
            )
        if len(items) > MAX_RECORDS:
            raise ProviderContractError(
                f"The answer for entity {self._name} has {len(items)} records; no more than {MAX_RECORDS} are"
                " taken from one answer. Ask for smaller pages (`page` and `pagination` in the provider's"
                " document)."
            )
        return items

    def _record(self, item: dict[str, Any], index: int | None) -> SourceRecord:
        external_id, modified, deleted = self._id(item), self._modified(item), self._deleted(item)
        version = self._version(item)
        if type(external_id) is int:
            external_id = str(external_id)
        if type(external_id) is not str or not external_id:
            raise self._breach(index, f"has no text or whole number at `{self._entity.id}` for its id")
        if type(modified) not in _STAMP_TYPES:
            raise self._breach(index, f"has no text or whole number at `{self._entity.modified}`")
        if type(deleted) not in _FLAG_TYPES:
            raise self._breach(index, f"has neither true nor false at `{self._entity.deleted}`")
        if type(version) not in _STAMP_TYPES:
            raise self._breach(index, f"has no text or whole number at `{self._entity.version}`")
        return SourceRecord(external_id, item, modified, deleted is True, version)

    def _reached(self, item: dict[str, Any], index: int) -> Watermark | None:
        value = self._watermarks.field(item) if self._watermarks else None
        if value is None or self._watermarks is None:
            return None
        try:
            return self._watermarks.parse(value)
        except ValueError:
            raise self._breach(index, "has an increment field of another type than declared") from None

    def _breach(self, index: int | None, what: str) -> ProviderContractError:
        which = "The record in an answer for" if index is None else f"Record {index} of a page of"
        return ProviderContractError(f"{which} entity {self._name} {what}; correct the provider's document.")
