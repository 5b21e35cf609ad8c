"""Texts with placeholders: `{settingName}`, and what one request is about, such as `{record.id}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from shared.domain.errors import Problem, RecordRejectedError
from shared.domain.field_paths import PATH_PATTERN
from shared.domain.provider import SettingDeclaration

WHOLE_RECORD = "{record}"
"""The record itself; only as a whole value."""
ANY_FIELD = "record.fieldName"
"""Stands for a placeholder of any field of the record."""
ANY_FIELD_OF_PARENT = "parent.fieldName"
"""Stands for a placeholder of any field of the parent's record; its id is `{parent.id}`."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_FIELD = re.compile(r"record((?:\.[A-Za-z0-9_$@-]+){1,10})")
_ONE_THING = frozenset({"record.id", "record.version"})
_OF_PARENT = re.compile(rf"parent\.(?:{PATH_PATTERN[1:-1]})")
_ABSENT = object()


def fill(template: str, values: Mapping[str, Any], *, escape: Callable[[str], str] = str) -> str:
    """Put values in the place of placeholders, each as text and escaped for the place where it stands.

    Raises:
        RecordRejectedError: A field of the record that is an object or a list.
    """
    return _PLACEHOLDER.sub(lambda match: escape(text_of(_look_up(match[1], values), match[1])), template)


def fill_json(template: Any, values: Mapping[str, Any]) -> Any:
    """Put values in the place of placeholders in all texts of a JSON value; keys stay as they are.

    A text that is nothing but a placeholder becomes the value itself, with its type; where the record lacks
    the field, the key or the entry of the list is left out.

    Raises:
        RecordRejectedError: A field of the record that is an object or a list, inside a longer text.
    """
    if isinstance(template, dict):
        filled = {key: fill_json(inner, values) for key, inner in template.items()}
        return {key: inner for key, inner in filled.items() if inner is not _ABSENT}
    if isinstance(template, list):
        return [inner for each in template if (inner := fill_json(each, values)) is not _ABSENT]
    if not isinstance(template, str):
        return template
    alone = _PLACEHOLDER.fullmatch(template)
    return _look_up(alone[1], values) if alone else fill(template, values)


def text_of(value: Any, name: str) -> str:
    """Write a JSON value inside a text; null and what is absent as nothing.

    Raises:
        RecordRejectedError: An object or a list; the message tells its name.
    """
    if value is None or value is _ABSENT:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        raise RecordRejectedError(
            f"{name} is an object or a list, which can't be sent as text; map text to it.",
            code="not_text",
            field=name,
        )
    return str(value)


def texts_in(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield every text of a JSON value with its path, which begins with `place`."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from texts_in(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from texts_in(inner, f"{place}.{index}")


def template_problems(
    field: str, template: str, settings: Mapping[str, SettingDeclaration], names: Collection[str] = ()
) -> list[Problem]:
    """List what keeps a template from being filled.

    Args:
        field: Its path in the document.
        template: The text.
        settings: What an integration gives.
        names: The placeholders that have a value here besides.
    """
    problems = [
        Problem(field, message)
        for name in _PLACEHOLDER.findall(template)
        if (message := _placeholder_problem(name, settings, names))
    ]
    if any(brace in _PLACEHOLDER.sub("", template) for brace in "{}"):
        problems.append(Problem(field, "has a single brace; write placeholders as {settingName}"))
    if "record" in names and WHOLE_RECORD in template and template != WHOLE_RECORD:
        problems.append(Problem(field, f"{WHOLE_RECORD} is an object; it can only be a whole value"))
    return problems


def _look_up(name: str, values: Mapping[str, Any]) -> Any:
    if name in values:
        return values[name]
    value: Any = values["record"]
    for part in name.split(".")[1:]:
        value = value.get(part, _ABSENT) if isinstance(value, dict) else _ABSENT
    return value


def _placeholder_problem(
    name: str, settings: Mapping[str, SettingDeclaration], names: Collection[str]
) -> str | None:
    setting = settings.get(name)
    if name in names and name != ANY_FIELD:
        return f"{{{name}}} is the record here; give the setting another name" if setting else None
    if _is_field(name, names):
        return None
    if "." in name:
        return f"{{{name}}} has no value here; {_cure(name, names)}"
    if setting is None:
        return f"{{{name}}} is no setting; declare `{name}` under settings, or correct the name"
    if not setting.required and not setting.default:
        return f"{{{name}}} may have no value; make the setting required or give it a default"
    return None


def _is_field(name: str, names: Collection[str]) -> bool:
    of_record = ANY_FIELD in names and _FIELD.fullmatch(name) and name not in _ONE_THING
    return bool(of_record or (ANY_FIELD_OF_PARENT in names and _OF_PARENT.fullmatch(name)))


def _cure(name: str, names: Collection[str]) -> str:
    if name.startswith("parent.") and ANY_FIELD_OF_PARENT not in names:
        return "it is for `list` and `changes` of an entity with a `parent`"
    known = " or ".join(f"{{{each}}}" for each in sorted(names))
    return f"use {known}, or remove it" if known else "remove it"
