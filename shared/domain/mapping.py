"""Entity mappings, compiled once: a provider's record in, a shard's data out. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from shared.domain.compiled_fields import REFUSALS, CompiledField
from shared.domain.compiled_rules import CompiledRules
from shared.domain.errors import Reason, RecordRejectedError
from shared.domain.integration import EntityMapping
from shared.domain.shards import TOMBSTONE

_ENGINE_VERSION = "1"
"""Grows with every change to what a source, a transform or a rule does: all records are then mapped anew."""


class CompiledMapping:
    """An entity mapping ready to be applied to many records.

    Attributes:
        required_fields: The shard's fields that every record has to fill. A record that is not rejected
            has filled them all; of one that is, those are missing for which a reason has the code
            `required`.
    """

    def __init__(self, mapping: EntityMapping) -> None:
        self._fields = [CompiledField(field) for field in mapping.fields]
        self._rules = [CompiledRules(rules) for rules in mapping.validation]
        self._steps = [
            (field.read, field.target, field.write if "." in field.target else None) for field in self._fields
        ]
        self._tests = [rules.holds for rules in self._rules]
        written = f"{_ENGINE_VERSION} {mapping.model_dump_json()}".encode()
        version = hashlib.blake2b(written, digest_size=16).digest()
        self._hash = hashlib.blake2b(digest_size=16, key=version)
        self.required_fields = frozenset(
            [field.shard_field for field in mapping.fields if field.required]
            + [rules.field for rules in mapping.validation if rules.required]
        )

    def fingerprint(self, record: Mapping[str, Any], *, deleted: bool = False) -> str:
        """Return a hash of a record and this mapping (BLAKE2b, 128 bits): the same gives the same data."""
        if deleted:
            return TOMBSTONE
        begun = self._hash.copy()
        begun.update(orjson.dumps(record))
        return begun.hexdigest()

    def apply(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the shard's data. A source field that is missing or null leaves the target out.

        Raises:
            RecordRejectedError: A required field is missing, a value can't be transformed, or a validation
                rule is broken; it has a reason for each.
        """
        data: dict[str, Any] = {}
        try:
            for read, target, write in self._steps:
                value = read(record)
                if value is None:
                    continue
                if write is None:
                    data[target] = value
                else:
                    write(data, value)
        except REFUSALS:
            raise self._rejection(record) from None
        for holds in self._tests:
            if not holds(data):
                raise self._rejection(record)
        return data

    def _rejection(self, record: Mapping[str, Any]) -> RecordRejectedError:
        """Return everything that is wrong with a record of which one thing is known to be.

        Good records are most of all: they are spared the keeping of lists. The rules on a field that
        could not be mapped are left out, its reason is there already.
        """
        data: dict[str, Any] = {}
        reasons: list[Reason] = []
        for field in self._fields:
            try:
                value = field.read(record)
            except REFUSALS:
                reasons.append(field.reason(record))
            else:
                if value is not None:
                    field.write(data, value)
        blamed = {reason.field for reason in reasons}
        for rules in self._rules:
            if rules.field not in blamed:
                reasons += rules.broken(data)
        return RecordRejectedError.because_of(reasons)
