"""Answers to records: compiled once for an entity, called for each of its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.adapters.rest.answers import compile_field, compile_mark, compile_path
from shared.adapters.rest.entity import EntityDefinition
from shared.adapters.rest.notation import AnswerHeader, Path
from shared.adapters.rest.watermarks import WatermarkReader
from shared.domain.errors import ProviderContractError, Reason
from shared.domain.shards import content_hash
from shared.domain.sync import Watermark
from shared.ports.adapter import SourceRecord

ALIKE = 10
"""So many malformed records, and no other, tell of a wrong document; fewer may be chance."""

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

        A malformed one comes with the reason, and tells nothing about the watermark.

        Raises:
            ProviderContractError: The answer has no list of records where the document says.
        """
        items = self._items(answer)
        records: list[SourceRecord] = []
        kept: list[SourceRecord] = []
        highest: Any = None
        for item in items:
            reached: Any = None
            try:
                record = self._record(item)
                reached = self._reached(item)
            except (_MalformedError, ProviderContractError) as error:
                record = self._rejected(item, error)
            if reached is not None and (highest is None or reached > highest):
                highest = reached
            records.append(record)
            if floor is not None and (reached is None or reached >= floor):
                kept.append(record)
        return Batch(records if floor is None else kept, highest, len(items), records)

    def read_found(self, answer: Any) -> list[SourceRecord]:
        """Turn a parsed body into records that all have the declared shape.

        Raises:
            ProviderContractError: One has not, or there is no list of them.
        """
        return [self.read_one(item) for item in self._items(answer)]

    def read_one(self, item: Any) -> SourceRecord:
        """Turn a record that came alone into what the sync needs of it.

        Raises:
            ProviderContractError: It does not have the declared shape.
        """
        try:
            return self._record(item)
        except _MalformedError as error:
            raise ProviderContractError(
                f"The record in an answer for entity {self._name} {error}; correct the provider's document."
            ) from None

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

    def _record(self, item: Any) -> SourceRecord:
        if type(item) is not dict:
            raise _MalformedError("malformed_record", "is not an object")
        external_id, modified, deleted = self._id(item), self._modified(item), self._deleted(item)
        version = self._version(item)
        if type(external_id) is int:
            external_id = str(external_id)
        if type(external_id) is not str or not external_id:
            code = "missing_id" if external_id is None or external_id == "" else "invalid_id"
            raise _MalformedError(code, f"has no text or whole number at `{self._entity.id}` for its id")
        if type(modified) not in _STAMP_TYPES:
            raise _MalformedError(
                "invalid_modified", f"has no text or whole number at `{self._entity.modified}`", external_id
            )
        if type(deleted) not in _FLAG_TYPES:
            raise _MalformedError(
                "invalid_deleted", f"has neither true nor false at `{self._entity.deleted}`", external_id
            )
        if type(version) not in _STAMP_TYPES:
            raise _MalformedError(
                "invalid_version", f"has no text or whole number at `{self._entity.version}`", external_id
            )
        return SourceRecord(external_id, item, modified, deleted is True, version)

    def _reached(self, item: dict[str, Any]) -> Watermark | None:
        value = self._watermarks.field(item) if self._watermarks else None
        if value is None or self._watermarks is None:
            return None
        try:
            return self._watermarks.parse(value)
        except ValueError:
            what = "has an increment field of another type than declared"
            raise _MalformedError("invalid_increment", what, self._record(item).external_id) from None

    def _rejected(self, item: Any, error: _MalformedError | ProviderContractError) -> SourceRecord:
        data: dict[str, Any] = item if type(item) is dict else {"value": item}
        external_id = error.external_id if isinstance(error, _MalformedError) else None
        return SourceRecord(
            external_id or f"malformed-{content_hash(data)}",
            data,
            rejection=_reason(error),
        )


class _MalformedError(Exception):
    """A record is not as the document says. The text goes on after the record's name."""

    def __init__(self, code: str, what: str, external_id: str | None = None) -> None:
        super().__init__(what)
        self.code = code
        self.external_id = external_id


def require_some_well_formed(name: str, records: Sequence[SourceRecord]) -> None:
    """Refuse a page on which all records are malformed alike, if there are ALIKE or more.

    Raises:
        ProviderContractError: They are: it is not they who are wrong, but most probably the document.
    """
    reasons = {record.rejection for record in records}
    reason = next(iter(reasons), None)
    if reason and len(reasons) == 1 and len(records) >= ALIKE:
        raise ProviderContractError(
            f"All {len(records)} records on the first page of entity {name} are malformed alike"
            f" ({reason.code}). {reason.message}"
        )


def _reason(error: _MalformedError | ProviderContractError) -> Reason:
    if isinstance(error, _MalformedError):
        cure = "correct it at its source, or the provider's document."
        return Reason(error.code, None, f"The record {error}; {cure}")
    return Reason("malformed_record", None, str(error))
