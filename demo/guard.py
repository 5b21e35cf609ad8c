"""Stops what the demonstration started when it had no chance to do so itself (`kill -9`).

Reads process group ids from standard input, one a line. The end of the input is the end of the
demonstration: one that ends in good order has stopped everything itself and kills its guard first.
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE_SECONDS = 5.0

_ASK = 0
"""The signal number that is only checked for a receiver, never sent (POSIX kill)."""


def main() -> None:
    """Wait for the end of the input, then end the groups: politely first, then for good."""
    groups = [int(line) for line in sys.stdin]
    living = [group for group in groups if _send(group, signal.SIGTERM)]
    deadline = time.monotonic() + GRACE_SECONDS
    while living and time.monotonic() < deadline:
        time.sleep(0.1)
        living = [group for group in living if _send(group, _ASK)]
    for group in living:
        _send(group, signal.SIGKILL)


def _send(group: int, number: int) -> bool:
    """Send a signal and return whether somebody was there to get it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
