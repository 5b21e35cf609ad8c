"""The inbound job over a source of our own, with nobody beside it.

    python -m bench.alone [--records 50000] [--runs 3]

A first load and a run that finds nothing changed, in turn, each in a fresh process; medians. The wall time
includes the start of the process. Figures of one machine: `bench.peers` has those that can be compared.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median

from bench.processes import Cost, sync_once
from bench.source import running

SCENARIOS = ("first load", "nothing changed")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the inbound job over a local source.")
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with running(options.records) as source:
        turns = [_both(source, options.records) for _ in range(options.runs)]
    print(f"{options.records:,} records, medians of {options.runs} runs")
    for name, costs in zip(SCENARIOS, zip(*turns, strict=True), strict=True):
        print(f"  {name:<16} {_described(options.records, costs)}")


def _both(source: str, records: int) -> list[Cost]:
    with tempfile.TemporaryDirectory() as folder:
        return [sync_once(source, Path(folder), records) for _ in SCENARIOS]


def _described(records: int, costs: tuple[Cost, ...]) -> str:
    wall = median(cost.wall_seconds for cost in costs)
    cpu = median(cost.cpu_seconds for cost in costs) / records * 1e6
    peak = median(cost.peak_mb for cost in costs)
    return f"{wall:6.2f} s {records / wall:9,.0f} records/s {cpu:5.0f} us CPU each {peak:5.0f} MB"


if __name__ == "__main__":
    main()
