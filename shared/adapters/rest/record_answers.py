"""Answers about one record."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from shared.adapters.http import HttpResponse
from shared.adapters.rest.answers import compile_path
from shared.adapters.rest.entity import EntityDefinition
from shared.adapters.rest.notation import AnswerHeader, Path
from shared.adapters.rest.records import RecordReader
from shared.domain.errors import ProviderContractError
from shared.ports.adapter import SourceRecord


class RecordAnswers:
    """Reads one entity's answers that have one record.

    Args:
        name: The entity's, for messages.
        entity: Its definition.
    """

    def __init__(self, name: str, entity: EntityDefinition) -> None:
        self._name = name
        self._path = entity.record
        self._version = entity.version
        self._reader = RecordReader(name, entity, None)

    def record(self, response: HttpResponse, body: Any, path: Path | None) -> SourceRecord:
        """Return the answer's record.

        Args:
            response: As it came.
            body: Its JSON.
            path: Where it has the record, if elsewhere than the entity says.

        Raises:
            ProviderContractError: There is none, or not of the declared shape.
        """
        record = self._found(response, body, path)
        if record is None:
            place = path or self._path
            where = f"at `{place}`" if place else "as its whole body"
            raise ProviderContractError(
                f"The answer for entity {self._name} has no record {where};"
                " correct `record` in the provider's document."
            )
        return record

    def new(self, response: HttpResponse, body: Any, place: Path | AnswerHeader) -> SourceRecord:
        """Return a new record of which the answer tells only the id.

        Raises:
            ProviderContractError: It tells none.
        """
        if isinstance(place, AnswerHeader):
            found: Any = _in_header(response, place.header)
        else:
            found = compile_path(place)(body)
        external_id = str(found) if type(found) is int else found
        if type(external_id) is not str or not external_id:
            raise ProviderContractError(
                f"The answer to the `create` of entity {self._name} has no id in its place;"
                " correct `create.id` in the provider's document."
            )
        return SourceRecord(external_id, {}, version=self._told_version(response))

    def record_or_id(
        self, response: HttpResponse, body: Any, path: Path | None, external_id: str
    ) -> SourceRecord:
        """Return the answer's record; where it has none, one that is no more than its id.

        Raises:
            ProviderContractError: The record is not of the declared shape.
        """
        record = self._found(response, body, path)
        return record or SourceRecord(external_id, {}, version=self._told_version(response))

    def _found(self, response: HttpResponse, body: Any, path: Path | None) -> SourceRecord | None:
        place = path or self._path
        item = compile_path(place)(body) if place else body
        if item is None:
            return None
        record = self._reader.read_one(item)
        if isinstance(self._version, AnswerHeader):
            record.version = self._told_version(response)
        return record

    def _told_version(self, response: HttpResponse) -> str | None:
        return response.header(self._version.header) if isinstance(self._version, AnswerHeader) else None


def _in_header(response: HttpResponse, name: str) -> str | None:
    value = response.header(name)
    if value is None or name.lower() != "location":
        return value
    path = re.split(r"[?#]", value, maxsplit=1)[0]
    return unquote(path.rstrip("/").rpartition("/")[2])
