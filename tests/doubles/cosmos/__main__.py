"""`python -m tests.doubles.cosmos --port 8081`: the double alone, until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import suppress

from shared.backends.system_clock import SystemClock
from tests.doubles.cosmos.server import CosmosDouble


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.cosmos", description=__doc__)
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one (default: 8081)")
    parser.add_argument("--units-per-second", type=float, default=None, help="answer 429 above this")
    arguments = parser.parse_args()
    double = CosmosDouble(SystemClock(), port=arguments.port, units_per_second=arguments.units_per_second)
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(double))


async def _serve(double: CosmosDouble) -> None:
    async with double:
        sys.stdout.write(f"ready {double.endpoint}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
