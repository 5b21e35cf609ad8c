"""`python -m demo`: shows the main job of the app on real input. `make run` prepares what it needs."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command line. Until it has something to clear up, Ctrl-C simply ends it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from demo.command_line import run  # noqa: PLC0415 - Ctrl-C while this imports would print a traceback

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
