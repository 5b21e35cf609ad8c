"""The inbound job beside others' and beside the floor, run by a harness that lies outside of this repository.

    python -m bench.peers --harness FOLDER --envs FOLDER [--n 10000,100000] [--latency 0,50] [--runs 3]

The harness (`FOLDER/run_bench.py`) serves the records, runs the contenders in turn, each in a fresh process,
and writes a line of JSON for each run. This adds the product and makes one table of medians. A ratio is
records per second beside the other's: 1 is as fast, 2 twice as fast.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).parents[1]
FLOOR, PEER, PRODUCT = "limit-engine", "dlt-sqlite", "product"
SCENARIOS = ("first", "resync", "touch1", "touch10")
HEADINGS = (
    "scenario",
    "records",
    "latency",
    "contender",
    "records/s",
    "CPU",
    "peak",
    f"x {FLOOR}",
    f"x {PEER}",
)

Row = dict[str, Any]
Cell = tuple[str, int, float]
"""What was to be done: scenario, number of records, latency of the source in milliseconds."""


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        out = Path(scratch) / "runs.jsonl"
        for scenario in options.scenario.split(","):
            _run(options, scenario, Path(scratch) / "work", out)
        rows = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    print(table(rows))
    raise SystemExit(any(map(_failed, rows)))


def table(rows: Iterable[Row]) -> str:
    """Return a Markdown table of medians; a contender with a run that failed says so instead."""
    cells: dict[Cell, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        cells[row["scenario"], row["n"], row["latency"]][row["name"]].append(row)
    lines = [HEADINGS, ("---",) * len(HEADINGS)]
    for cell, contenders in cells.items():
        speeds = {name: _speed(runs) for name, runs in contenders.items()}
        lines += [_line(cell, name, runs, speeds) for name, runs in contenders.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(cell: Cell, name: str, runs: list[Row], speeds: dict[str, float | None]) -> tuple[str, ...]:
    scenario, records, latency = cell
    speed = speeds[name]
    place = (scenario, f"{records:,}", f"{latency:.0f} ms", name)
    if speed is None:
        return (*place, "failed", "", "", "", "")
    cpu = f"{_median(runs, 'cpu') / records * 1e6:.0f} us"
    ratios = [f"{speed / other:.2f}" if (other := speeds.get(to)) else "" for to in (FLOOR, PEER)]
    return (*place, f"{speed:,.0f}", cpu, f"{_median(runs, 'peak_mb'):.0f} MB", *ratios)


def _speed(runs: list[Row]) -> float | None:
    return None if any(map(_failed, runs)) else int(runs[0]["n"]) / _median(runs, "wall")


def _failed(row: Row) -> bool:
    return bool(row["rc"]) or row["records"] != row["n"]


def _median(runs: list[Row], what: str) -> float:
    return statistics.median(float(row[what]) for row in runs)


def _run(options: argparse.Namespace, scenario: str, work: Path, out: Path) -> None:
    job = shlex.join(["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "bench.inbound"])
    given = {
        "--envs": options.envs,
        "--work": work,
        "--n": options.n,
        "--latency": options.latency,
        "--runs": options.runs,
        "--scenario": scenario,
        "--only": f"{FLOOR},{PEER},{PRODUCT}",
        "--add": f"{PRODUCT}={job} --source {{url}}/cursor --page {{page}} --db {{dir}}/x.db",
        "--out": out,
    }
    arguments = [str(each) for pair in given.items() for each in pair]
    subprocess.run([*_harness(options), *arguments], check=True, stdout=sys.stderr)


def _harness(options: argparse.Namespace) -> list[Path]:
    command = [Path(options.envs) / "base/bin/python", Path(options.harness) / "run_bench.py"]
    missing = [str(path) for path in command if not path.is_file()]
    if missing:
        raise SystemExit(f"not there: {', '.join(missing)}; name the folders with --harness and --envs")
    return command


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--harness", required=True, help="folder of run_bench.py")
    parser.add_argument("--envs", required=True, help="folder of the contenders' environments")
    parser.add_argument("--n", default="10000,100000", help="numbers of records")
    parser.add_argument("--latency", default="0,50", help="of the source, in milliseconds")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scenario", default=",".join(SCENARIOS))
    return parser.parse_args()


if __name__ == "__main__":
    main()
