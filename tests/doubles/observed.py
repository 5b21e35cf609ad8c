"""What the doubles are sent and the app answers, for whoever wants to look at it."""

from __future__ import annotations

from collections.abc import Callable

observers: list[Callable[[str, bytes], None]] = []
"""Each is told where something came, and what."""


def saw(where: str, content: bytes) -> None:
    """Tell all observers."""
    for observer in observers:
        observer(where, content)
