"""Time, as something that a test can own."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The current time and the only way to wait."""

    def now(self) -> datetime:
        """Return the current time in UTC, with its time zone."""
        ...

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never jump; for durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; return at once for zero or less."""
        ...
