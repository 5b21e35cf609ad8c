"""Secrets for tests. Each carries one mark, by which `tests.hygiene` finds it wherever it doesn't belong."""

from __future__ import annotations

MARK = "s3cret7QzK"
"""At both ends of each secret, so that a part of one is found too. Letters and digits only: no escaping of
URLs or JSON changes it."""


def secret(name: str) -> str:
    """Return the secret of this name, the same in all processes of a test."""
    return f"{MARK}{name}{MARK}"
