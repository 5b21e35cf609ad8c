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
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.processes import Cost, sync_once
from bench.source import running
from bench.startup import APPS, PATHS, first_answer
from shared.backends.system_clock import SystemClock
from tests.doubles.cloud import LocalCloud, local_cloud, provision_database

API_ROUTE = "/api/integrations"
"""Checks a token, so it fetches the issuer's keys first, and asks the store."""

SCENARIOS = (("first load", 0), ("nothing changed", 0), ("1 % changed", 1))


def main() -> None:
    parser = argparse.ArgumentParser(description="Count and time the inbound job in azure mode.")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--starts", type=int, default=7, help="cold starts of each kind (default: 7)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(Path(folder), options.records, options.starts))


async def _measure(folder: Path, records: int, starts: int) -> None:
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
            print(f"  {name:<16} {_described(counts, embedded, azure, records)}", flush=True)
        await _measure_starts(cloud, folder, variables, starts)


async def _measure_starts(cloud: LocalCloud, folder: Path, variables: Mapping[str, str], starts: int) -> None:
    print(f"from process start, medians of {starts}")
    for path in PATHS:
        seconds: dict[str, list[float]] = {"embedded": [], "azure": []}
        for _ in range(starts):
            for backend, found in seconds.items():
                chosen = variables if backend == "azure" else {}
                found.append(await asyncio.to_thread(first_answer, APPS["app"], PATHS[path], chosen))
        embedded, azure = (median(found) * 1000 for found in seconds.values())
        times = f"embedded {embedded:.0f} ms, azure {azure:.0f} ms ({azure / embedded:.2f})"
        print(f"  first answer ({path}): {times}", flush=True)
    token = cloud.identity.issue("ada", "acme", ["tenant_admin"])
    called = [
        await asyncio.to_thread(first_answer, APPS["app"], API_ROUTE, variables, token) for _ in range(starts)
    ]
    print(f"  first answer to a caller ({API_ROUTE}): azure {median(called) * 1000:.0f} ms")
    synced = [await _first_record(cloud, folder / f"start-{number}", variables) for number in range(starts)]
    print(f"  first synced record: azure {median(synced) * 1000:.0f} ms")


async def _first_record(cloud: LocalCloud, folder: Path, variables: Mapping[str, str]) -> float:
    """Return the seconds until the store has a shard more, of a source with one edited record."""
    await asyncio.to_thread(folder.mkdir)
    own = {**variables, "INTEGRATIONS_COSMOS_DATABASE": f"first-{folder.name}"}
    await provision_database(cloud.cosmos, own["INTEGRATIONS_COSMOS_DATABASE"])
    with running(1) as source:
        written, started = cloud.cosmos.counters.writes["shards"], time.perf_counter()
        syncing = asyncio.create_task(asyncio.to_thread(sync_once, source, folder, 1, 1000, own))
        while cloud.cosmos.counters.writes["shards"] == written and not syncing.done():  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        seconds = time.perf_counter() - started
        await syncing
    return seconds


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
