"""What goes wrong in the host itself; a function's own errors stay inside its invocation."""

from __future__ import annotations


class StartupError(Exception):
    """The host can't start; the message tells a person what to change."""


class InvocationError(Exception):
    """An invocation failed. Its cause is logged already: who catches this only decides what follows."""
