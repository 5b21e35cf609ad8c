"""Texts with `{settingName}` placeholders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shared.domain.errors import Problem
from shared.domain.provider import SettingDeclaration

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def fill(template: str, values: Mapping[str, str], *, escape: Callable[[str], str] = str) -> str:
    """Put values in the place of placeholders, each escaped for the place where it stands."""
    return _PLACEHOLDER.sub(lambda match: escape(values[match[1]]), template)


def fill_json(value: Any, values: Mapping[str, str]) -> Any:
    """Put values in the place of placeholders in all texts of a JSON value; keys stay as they are."""
    if isinstance(value, dict):
        return {key: fill_json(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill_json(inner, values) for inner in value]
    return fill(value, values) if isinstance(value, str) else value


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


def template_problems(field: str, template: str, settings: Mapping[str, SettingDeclaration]) -> list[Problem]:
    """List what keeps a template from being filled from an integration's settings."""
    problems = [
        Problem(field, message)
        for name in _PLACEHOLDER.findall(template)
        if (message := _placeholder_problem(name, settings))
    ]
    if any(brace in _PLACEHOLDER.sub("", template) for brace in "{}"):
        problems.append(Problem(field, "has a single brace; write placeholders as {settingName}"))
    return problems


def _placeholder_problem(name: str, settings: Mapping[str, SettingDeclaration]) -> str | None:
    setting = settings.get(name)
    if setting is None:
        return f"{{{name}}} is no setting; declare `{name}` under settings, or correct the name"
    if not setting.required and not setting.default:
        return f"{{{name}}} may have no value; make the setting required or give it a default"
    return None
