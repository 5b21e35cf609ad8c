"""What a provider sent, made fit for an error message."""

from __future__ import annotations

import re
from collections.abc import Iterable

EXCERPT_LENGTH = 200
_WINDOW = 2_000
"""Characters looked at: redaction comes before cutting, so that no half of a secret escapes its pattern."""

_RULES = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"'<>,;]+"), r"\1 ***"),
    (
        re.compile(
            r"(?i)([\w-]*(?:token|secret|passw|key|auth|session|cookie|signature|credential)[\w-]*)"
            r"([\"']?\s*[:=]\s*[\"']?)[^\"'\s&<>,;]+"
        ),
        r"\1\2***",
    ),
    (re.compile(r"[^\s\"'<>,;:=]+@[^\s\"'<>,;]+"), "***"),
    (re.compile(r"(?=[A-Za-z+_=-]*\d)[A-Za-z0-9+_=-]{24,}"), "***"),
)
"""Credentials by their scheme, values by a telling name, addresses of people, and what looks random."""


def excerpt(body: bytes, secrets: Iterable[str] = ()) -> str:
    """Return the beginning of a body on one line, at most 200 characters, without what may be secret.

    Args:
        body: As it came.
        secrets: What the request carried: an answer may repeat it.
    """
    text = " ".join(body[:_WINDOW].decode("utf-8", "replace").split())
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text[:EXCERPT_LENGTH]
