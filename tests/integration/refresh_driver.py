"""One process that refreshes once and may die.

    python -m tests.integration.refresh_driver FOLDER PHASE DELAY

It dies DELAY seconds after it has entered PHASE. It prints the name of each
phase as it enters it, so that whoever comes after its death knows how far it came.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from tests.integration.killable_host import Killer
from tests.integration.oidc_world import PERSON, account_provider, oidc_world

_PREFIX = "phase "


class _Teller(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message.startswith(_PREFIX):
            print(message.removeprefix(_PREFIX), flush=True)


async def refresh_once(folder: Path) -> None:
    async with oidc_world(folder, account_provider(PERSON)) as world:
        await world.token(world.process("mortal"))


if __name__ == "__main__":
    folder, phase, delay = sys.argv[1:]
    log = logging.getLogger("castiel.tokens")
    log.setLevel(logging.DEBUG)
    log.addHandler(_Teller())
    log.addHandler(Killer(phase, 1, float(delay)))
    asyncio.run(refresh_once(Path(folder)))
