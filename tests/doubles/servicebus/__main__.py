"""`python -m tests.doubles.servicebus --port 5672 --queues-from-declaration`: the double as a program."""

from __future__ import annotations

import argparse
import asyncio
import contextlib

from shared.backends.system_clock import SystemClock
from shared.domain.queues import QUEUES
from tests.doubles.servicebus.broker import Broker


async def _serve(port: int) -> None:
    broker = await Broker(QUEUES.values(), SystemClock()).start(port)
    print("ready", flush=True)
    print(broker.connection_string, flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await broker.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.servicebus", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes one that is free")
    parser.add_argument(
        "--queues-from-declaration",
        action="store_true",
        required=True,
        help="serve the queues of shared/domain/queues.py",
    )
    return parser.parse_args()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(_arguments().port))
