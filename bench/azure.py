"""The inbound job in azure mode, on the doubles of its services, beside the embedded backend.

    python -m bench.azure [--records 20000]

For a first load, 1 % changed and nothing changed: requests to the store per 1,000 records, counted at the
double; request units, which the double estimates by Microsoft's published figures; records per second beside
embedded.
The double is a server in Python on the same machine: its speed is not Cosmos DB's.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.processes import Cost, sync_once
from bench.source import running
from shared.backends.system_clock import SystemClock
from tests.doubles.cloud import LocalCloud, local_cloud

SCENARIOS = (("first load", 0), ("nothing changed", 0), ("1 % changed", 1))


def main() -> None:
    parser = argparse.ArgumentParser(description="Count and time the inbound job in azure mode.")
    parser.add_argument("--records", type=int, default=20_000)
    records = parser.parse_args().records
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(Path(folder), records))


async def _measure(folder: Path, records: int) -> None:
    print(
        f"{records:,} records; requests per 1,000 records, estimated request units each, records per second"
    )
    async with local_cloud(folder, SystemClock()) as cloud:
        variables = {**cloud.environment, "INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES": "true"}
        for name, edited in SCENARIOS:
            with running(records, edited) as source:
                embedded = await asyncio.to_thread(sync_once, source, folder, records)
                with _counted(cloud) as counts:
                    azure = await asyncio.to_thread(sync_once, source, folder, records, 1000, variables)
            print(f"  {name:<16} {_described(counts, embedded, azure, records)}")


@contextmanager
def _counted(cloud: LocalCloud) -> Iterator[Counter[str]]:
    """Give what the store was asked and what it charged and wrote within the block."""
    found: Counter[str] = Counter()
    before = _counters(cloud)
    yield found
    found.update({name: value - before[name] for name, value in _counters(cloud).items()})


def _counters(cloud: LocalCloud) -> Counter[str]:
    counters = cloud.cosmos.counters
    requests = {f"requests {kind}": count for kind, count in counters.requests.items()}
    return Counter({**requests, "units": round(counters.charged), "shards": counters.writes["shards"]})


def _described(counts: Mapping[str, int], embedded: Cost, azure: Cost, records: int) -> str:
    thousands = records / 1000
    kinds = {kind.split()[1]: count for kind, count in counts.items() if kind.startswith("requests ")}
    asked = ", ".join(f"{kind} {count / thousands:.1f}" for kind, count in sorted(kinds.items()))
    units, speed = counts["units"] / records, records / azure.wall_seconds
    beside = embedded.wall_seconds / azure.wall_seconds
    shards = f"shards written {counts['shards']:,}"
    return f"{asked}; {shards}; {units:.2f} RU; {speed:,.0f}/s ({beside:.2f} of embedded)"


if __name__ == "__main__":
    main()
