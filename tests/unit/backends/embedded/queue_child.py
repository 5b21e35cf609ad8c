"""A process to kill: sends three messages, two of them in a session, locks two, says so, and hangs.

`python -m tests.unit.backends.embedded.queue_child PATH`
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from shared.backends.embedded.sqlite_queue import SqliteQueue
from shared.backends.system_clock import SystemClock
from shared.domain.queues import SYNC_INBOUND_SCHEDULED, SYNC_OUTBOUND
from tests.contract.queue_steps import next_session, outgoing, receive_one


async def main(path: Path) -> None:
    queue = await SqliteQueue.open(path, SystemClock())
    await queue.send(SYNC_INBOUND_SCHEDULED, [outgoing("plain")])
    await queue.send(SYNC_OUTBOUND, [outgoing("a1", "a"), outgoing("a2", "a")])
    await receive_one(await queue.source.open(SYNC_INBOUND_SCHEDULED))
    await receive_one(await next_session(queue.source, SYNC_OUTBOUND))
    sys.stdout.write("locked\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
