"""Reads one page in a process of its own, and tells what became of it and how much memory that took.

`python -m tests.integration.hostile_reader URL` prints JSON: `error`, and `grown`, the bytes by which the
peak of the resident memory is above what was resident before the request. Linux only.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import orjson

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import IntegrationError
from tests.fakes.clock import FakeClock
from tests.unit.adapters.rest.reading import ask, open_adapter, rest_of


def resident(what: str) -> int:
    """Return `VmRSS` (now) or `VmHWM` (the peak) of this process, in bytes."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


async def read(url: str) -> dict[str, str | int | None]:
    registry = AdapterRegistry(FakeClock(), allow_private_addresses=True)
    adapter = open_adapter(registry, url, rest_of({}))
    before, error = resident("VmRSS"), None
    try:
        await adapter.fetch_page(ask())
    except IntegrationError as caught:
        error = str(caught)
    await registry.close()
    return {"error": error, "grown": resident("VmHWM") - before}


if __name__ == "__main__":
    print(orjson.dumps(asyncio.run(read(sys.argv[1]))).decode())
