"""What a secret's name, value and tags may be: Key Vault's rules, kept by every secret store."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.domain.errors import InvalidRequestError, Problem

MAX_VALUE_BYTES = 25 * 1024
"""Size limit of one value in UTF-8 (Key Vault, "About secrets": 25 KB)."""

MAX_TAGS = 15
MAX_TAG_LENGTH = 256
"""Limits of a version's tags, names and values alike (Key Vault, "About secrets", "Secret tags")."""

_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_VERSION = re.compile(r"[0-9a-zA-Z]{1,64}")


def check_secret(name: str, value: str, tags: Mapping[str, str]) -> None:
    """Refuse what Key Vault would refuse. No message holds the value.

    Raises:
        InvalidRequestError: One problem for each of name, value and tags that breaks a rule.
    """
    problems = [
        problem
        for problem in (_name_problem(name), _value_problem(value), _tags_problem(tags))
        if problem is not None
    ]
    if problems:
        raise InvalidRequestError("; ".join(problem.message for problem in problems), problems)


def is_secret_name(name: str) -> bool:
    """Return whether a secret may have this name."""
    return _NAME.fullmatch(name) is not None


def is_version(version: str) -> bool:
    """Return whether this could be a version's identifier; Key Vault's are 32 hexadecimal digits."""
    return _VERSION.fullmatch(version) is not None


def _name_problem(name: str) -> Problem | None:
    if is_secret_name(name):
        return None
    return Problem("name", "a secret's name must be 1 to 127 characters of 0-9, a-z, A-Z and -")


def _value_problem(value: str) -> Problem | None:
    try:
        fits = len(value.encode()) <= MAX_VALUE_BYTES
    except UnicodeEncodeError:
        return Problem("value", "a secret's value must be text that UTF-8 can hold")
    return (
        None
        if fits
        else Problem("value", f"a secret's value must be at most {MAX_VALUE_BYTES} bytes in UTF-8")
    )


def _tags_problem(tags: Mapping[str, str]) -> Problem | None:
    if len(tags) <= MAX_TAGS and all(
        max(len(name), len(value)) <= MAX_TAG_LENGTH for name, value in tags.items()
    ):
        return None
    return Problem(
        "tags", f"a secret may have {MAX_TAGS} tags, names and values at most {MAX_TAG_LENGTH} characters"
    )
