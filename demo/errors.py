"""What can go wrong in the demonstration, in words for the person who runs it."""

from __future__ import annotations


class DemoError(Exception):
    """The demonstration can't go on. The message says why and what to do; it is all that is shown."""
