"""The memory of the inbound job, by the number of records.

    python -m bench.memory --records 10000,1000000

A first load and a run that finds nothing changed, each in a fresh process; the last column is the peak beside
that of the first number of records.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.processes import Cost, sync_once
from bench.source import running

RUNS = ("first load", "nothing changed")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the peak memory of the inbound job.")
    parser.add_argument("--records", default="10000,1000000")
    sizes = [int(size) for size in parser.parse_args().records.split(",")]
    costs = {size: _measured(size) for size in sizes}
    print("| | records | wall | cpu | records/s | peak RSS | ratio |\n|---|---|---|---|---|---|---|")
    for number, name in enumerate(RUNS):
        for size, both in costs.items():
            print(f"| {name} {_row(size, both[number], costs[sizes[0]][number])}")


def _measured(records: int) -> list[Cost]:
    with tempfile.TemporaryDirectory() as folder, running(records) as source:
        return [sync_once(source, Path(folder), records) for _ in RUNS]


def _row(records: int, cost: Cost, least: Cost) -> str:
    speed = f"{cost.wall_seconds:.1f} s | {cost.cpu_seconds:.1f} s | {records / cost.wall_seconds:,.0f}"
    return f"| {records:,} | {speed} | {cost.peak_mb:.0f} MB | {cost.peak_mb / least.peak_mb:.2f} |"


if __name__ == "__main__":
    main()
