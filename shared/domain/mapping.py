"""Entity mappings, compiled once: a provider's record in, a shard's data out. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from shared.domain.compiled_rules import CompiledRules
from shared.domain.errors import Reason, RecordRejectedError
from shared.domain.field_paths import Reader, compile_target
from shared.domain.field_sources import compile_source, kind_of
from shared.domain.integration import EntityMapping, FieldMapping
from shared.domain.shards import TOMBSTONE
from shared.domain.transforms import compile_steps

_Step = Callable[[Mapping[str, Any], dict[str, Any]], None]

_ENGINE_VERSION = "1"
"""Grows with every change to what a source, a transform or a rule does: all records are then mapped anew."""

_REFUSALS = (ValueError, TypeError, ArithmeticError)
"""What sources and transforms raise for a value that they can't take."""


class CompiledMapping:
    """An entity mapping ready to be applied to many records.

    Attributes:
        required_fields: The shard's fields that every record has to fill. A record that is not rejected
            has filled them all; of one that is, those are missing for which a reason has the code
            `required`.
    """

    def __init__(self, mapping: EntityMapping) -> None:
        self._steps = [_compile_field(field) for field in mapping.fields]
        self._rules = [CompiledRules(rules) for rules in mapping.validation]
        written = f"{_ENGINE_VERSION} {mapping.model_dump_json()}".encode()
        self._version = hashlib.blake2b(written, digest_size=16).digest()
        self.required_fields = frozenset(
            [field.shard_field for field in mapping.fields if field.required]
            + [rules.field for rules in mapping.validation if rules.required]
        )

    def fingerprint(self, record: Mapping[str, Any], *, deleted: bool = False) -> str:
        """Return a hash of a record and this mapping (BLAKE2b, 128 bits): the same gives the same data."""
        if deleted:
            return TOMBSTONE
        return hashlib.blake2b(orjson.dumps(record), digest_size=16, key=self._version).hexdigest()

    def apply(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the shard's data. A source field that is missing or null leaves the target out.

        Raises:
            RecordRejectedError: A required field is missing, a value can't be transformed, or a validation
                rule is broken; it has a reason for each.
        """
        data: dict[str, Any] = {}
        try:
            for step in self._steps:
                step(record, data)
        except RecordRejectedError:
            raise self._rejection(record) from None
        for rules in self._rules:
            if rules.broken(data):
                raise self._rejection(record)
        return data

    def _rejection(self, record: Mapping[str, Any]) -> RecordRejectedError:
        """Return everything that is wrong with a record of which one thing is known to be.

        Good records are most of all: they are spared the keeping of lists. The rules on a field that
        could not be mapped are left out, its reason is there already.
        """
        data: dict[str, Any] = {}
        reasons: list[Reason] = []
        for step in self._steps:
            try:
                step(record, data)
            except RecordRejectedError as error:
                reasons += error.reasons
        blamed = {reason.field for reason in reasons}
        for rules in self._rules:
            if rules.field not in blamed:
                reasons += rules.broken(data)
        return RecordRejectedError.because_of(reasons)


def _compile_field(field: FieldMapping) -> _Step:
    is_copy = not field.steps and field.default is None and not field.required
    if is_copy and isinstance(field.external_field, str) and "." not in field.shard_field:
        return _copying(compile_source(field.external_field), field.shard_field)
    return _transforming(field)


def _copying(read: Reader, target: str) -> _Step:
    """Return the step of most fields: a value as it is, and nothing can go wrong."""

    def step(record: Mapping[str, Any], data: dict[str, Any]) -> None:
        value = read(record)
        if value is not None:
            data[target] = value

    return step


def _transforming(field: FieldMapping) -> _Step:
    read, steps = compile_source(field.external_field), compile_steps(field.steps)
    source_code = f"transform_{kind_of(field.external_field)}"
    target, default, required = field.shard_field, field.default, field.required
    write = compile_target(target) if "." in target else None

    def step(record: Mapping[str, Any], data: dict[str, Any]) -> None:
        code = source_code
        try:
            value = read(record)
            for transform, code in steps:  # noqa: B007 - the failing one's is read below
                if value is None:
                    break
                value = transform(value)
        except _REFUSALS:
            message = f"{target} can't be made of what the provider sent: {code.removeprefix('transform_')}."
            raise RecordRejectedError(message, code=code, field=target) from None
        if value is None:
            value = default
        if value is None:
            if required:
                raise RecordRejectedError(f"{target} is required and missing.", code="required", field=target)
        elif write is None:
            data[target] = value
        else:
            write(data, value)

    return step
