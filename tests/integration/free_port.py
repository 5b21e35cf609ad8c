"""Ports for servers whose address has to be known before they start."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a port of this machine that nobody listens at just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
