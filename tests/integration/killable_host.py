"""devhost with a wish to die: `python -m tests.integration.killable_host PHASE OCCURRENCE DELAY [options]`.

The sync logs each phase that it enters (see `kill_rounds.PHASES`). When PHASE is entered for
the OCCURRENCE-th time, this process kills itself with SIGKILL after DELAY seconds, wherever it is by then.
Nothing of the app is changed for that: a logging handler is all there is.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

from devhost.__main__ import main


class Killer(logging.Handler):
    """Counts the entries into one phase."""

    def __init__(self, phase: str, occurrence: int, delay_seconds: float) -> None:
        super().__init__(logging.DEBUG)
        self._message = f"phase {phase}"
        self._left = occurrence
        self._delay_seconds = delay_seconds

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == self._message:
            self._left -= 1
            if self._left == 0:
                self._die()

    def _die(self) -> None:
        if self._delay_seconds <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        threading.Timer(self._delay_seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()


if __name__ == "__main__":
    phase, occurrence, delay = sys.argv[1:4]
    sync_log = logging.getLogger("castiel.sync")
    sync_log.setLevel(logging.DEBUG)
    sync_log.addHandler(Killer(phase, int(occurrence), float(delay)))
    main(sys.argv[4:])
