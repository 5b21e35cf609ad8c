"""Entity mappings, compiled once: a provider's record in, a shard's data out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.domain.errors import RecordRejectedError
from shared.domain.integration import EntityMapping, FieldMapping

Reader = Callable[[Mapping[str, Any]], Any]
Step = Callable[[Mapping[str, Any], dict[str, Any]], None]


class CompiledMapping:
    """An entity mapping ready to be applied to many records."""

    def __init__(self, mapping: EntityMapping) -> None:
        self._steps: list[Step] = [_compile_field(field) for field in mapping.fields]

    def apply(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the shard's data. A source field that is missing or null leaves the target out.

        Raises:
            RecordRejectedError: A required field is missing, or a value can't be transformed.
        """
        data: dict[str, Any] = {}
        for step in self._steps:
            step(record, data)
        return data


def compile_path(path: str) -> Reader:
    """Return a reader of a dotted path; it gives None where the path leads nowhere."""
    first, *rest = path.split(".")
    if not rest:
        return lambda record: record.get(first)

    def read(record: Mapping[str, Any]) -> Any:
        value: Any = record.get(first)
        for name in rest:
            if not isinstance(value, Mapping):
                return None
            value = value.get(name)
        return value

    return read


def _compile_field(field: FieldMapping) -> Step:
    read, write = compile_path(field.external_field), _compile_target(field.shard_field)
    transform = _TRANSFORMS[field.transform] if field.transform else None

    def step(record: Mapping[str, Any], data: dict[str, Any]) -> None:
        value = read(record)
        if value is not None and transform is not None:
            value = _transformed(value, transform, field)
        if value is None:
            value = field.default
        if value is not None:
            write(data, value)
        elif field.required:
            raise RecordRejectedError(
                f"{field.external_field} is required and missing.", code="required", field=field.shard_field
            )

    return step


def _compile_target(path: str) -> Callable[[dict[str, Any], Any], None]:
    *parents, last = path.split(".")
    if not parents:
        return lambda data, value: data.__setitem__(last, value)

    def write(data: dict[str, Any], value: Any) -> None:
        for name in parents:
            data = data.setdefault(name, {})
        data[last] = value

    return write


def _transformed(value: Any, transform: Callable[[Any], Any], field: FieldMapping) -> Any:
    try:
        return transform(value)
    except (ValueError, TypeError):
        raise RecordRejectedError(
            f"{field.external_field} holds {str(value)[:50]!r}, which {field.transform} can't take.",
            code=f"transform_{field.transform}",
            field=field.shard_field,
        ) from None


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise TypeError
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    if isinstance(value, int | float):
        return value
    number = float(value)
    if number - number != 0:  # infinite, or not a number: JSON has neither
        raise ValueError
    return int(number) if number.is_integer() and "." not in value and "e" not in value.lower() else number


_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    try:
        return _BOOLEANS[_text(value).strip().lower()]
    except KeyError:
        raise ValueError from None


_TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "trim": lambda value: _text(value).strip() or None,
    "lower": lambda value: _text(value).strip().lower() or None,
    "upper": lambda value: _text(value).strip().upper() or None,
    "text": _text,
    "number": lambda value: None if isinstance(value, str) and not value.strip() else _number(value),
    "boolean": _boolean,
}
