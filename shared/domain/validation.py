"""Pydantic's complaints, as problems that name the path and the cure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from shared.domain.errors import Problem

_WHOLE = "(body)"
"""Stands for the path of a problem with the whole."""

_BLAMED = "blamed"
"""Type of the errors that validators of whole models raise about one of their keys."""

_CURES = {
    "missing": "is missing; add it",
    "string_type": "must be text; put it in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "union_tag_invalid": "has the unknown kind '{tag}'; use {expected_tags}",
    "union_tag_not_found": "needs {discriminator}",
    "too_short": "needs at least {min_length} entry",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "has characters that it may not have; it must match {pattern}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "value_error": "{error}",
}
"""Sentences by pydantic's error type, filled from the error's context."""


def blame(key: str, message: str) -> PydanticCustomError:
    """Return an error for a model's validator to raise: about one key below, not about the whole object.

    Args:
        key: Dotted path from the model to the key, as in the document; empty for the whole.
        message: What is wrong with it and what to do.
    """
    return PydanticCustomError(_BLAMED, "{message}", {"key": key, "message": message})


def problems_of(
    error: ValidationError, document: Any, *, known_keys: Sequence[str] = (), prefix: str = ""
) -> list[Problem]:
    """Translate a validation error.

    Args:
        error: As pydantic raised it for the document.
        document: What was validated.
        known_keys: All keys that such documents may have anywhere, for "did you mean".
        prefix: Goes before every path, for a document that is part of a larger one.
    """
    details = error.errors(include_url=False)
    places = [tuple(detail["loc"]) for detail in details]
    return [
        Problem(prefix + (_path(_location(detail), document) or _WHOLE), _message(detail, known_keys))
        for detail in details
        if detail["type"] != "too_short" or not _has_worse_inside(detail["loc"], places)
    ]


def to_problems(error: ValidationError, document: Any = None) -> list[Problem]:
    """Translate a validation error of what a caller sent, or of what was stored."""
    return problems_of(error, document)


def as_text(problems: Sequence[Problem]) -> str:
    """Write problems on one line: `path: message; path: message`."""
    return "; ".join(f"{each.field}: {each.message}" for each in problems)


def _has_worse_inside(location: Sequence[int | str], places: Sequence[tuple[int | str, ...]]) -> bool:
    """True where entries of a list are wrong: they are missing from it only because of that."""
    depth = len(location)
    return any(len(place) > depth and place[:depth] == tuple(location) for place in places)


def _location(detail: Mapping[str, Any]) -> tuple[int | str, ...]:
    key = detail["ctx"]["key"] if detail["type"] == _BLAMED else ""
    return (*detail["loc"], *filter(None, key.split(".")))


def _path(location: Sequence[int | str], document: Any) -> str:
    """Join a location, without the tags that pydantic adds for union members and dictionary keys."""
    parts: list[str] = []
    node = document
    for part in location:
        keyed = isinstance(node, Mapping)
        if part == "[key]" or (keyed and part not in node and part == node.get("kind")):
            continue
        parts.append(str(part))
        node = node.get(part) if keyed else None
    return ".".join(parts)


def _message(detail: Mapping[str, Any], known_keys: Sequence[str]) -> str:
    if detail["type"] == "extra_forbidden":
        key = str(detail["loc"][-1])
        if key in known_keys:
            return "is not a key here, only elsewhere; move or remove it"
        similar = get_close_matches(key, known_keys, n=1)
        return (
            f"is not a key here; did you mean `{similar[0]}`?" if similar else "is not a key here; remove it"
        )
    cure = _CURES.get(detail["type"])
    return cure.format_map(detail.get("ctx", {})) if cure else str(detail["msg"])
