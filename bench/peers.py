"""The inbound job beside others' and beside the floor, run by a harness that lies outside of this repository.

    python -m bench.peers --harness FOLDER --envs FOLDER [--n 10000,100000] [--latency 0,50] [--runs 3]

The harness (`FOLDER/run_bench.py`) serves the records, runs the contenders in turn, each in a fresh process,
and writes a line of JSON for each run. This adds the product and makes one table of medians. A ratio is
records per second beside the other's: 1 is as fast, 2 twice as fast. Whoever can't take part is named.
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

from bench.contenders import Contenders

ROOT = Path(__file__).parents[1]
FLOOR, PEER, PRODUCT = "limit-engine", "dlt-sqlite", "product"
CONTENDERS = (FLOOR, PEER, "naive", "singer-tap-target", "airbyte-read-map")
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
    contenders = _contenders(options)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        out = Path(scratch) / "runs.jsonl"
        for scenario in options.scenario.split(","):
            _run(options, contenders, scenario, Path(scratch) / "work", out)
        rows = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    print(table([*rows, *_not_run(options, contenders)]))
    if contenders.left_out:
        print(f"\nLeft out, their environments are missing: {'; '.join(contenders.left_out)}.")
    raise SystemExit(any(map(_failed, rows)))


def table(rows: Iterable[Row]) -> str:
    """Return a Markdown table of medians; a contender that failed or was left out says so instead."""
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
        return (*place, _why_none(runs), "", "", "", "")
    cpu = f"{_median(runs, 'cpu') / records * 1e6:.0f} us"
    ratios = [f"{speed / other:.2f}" if (other := speeds.get(to)) else "" for to in (FLOOR, PEER)]
    return (*place, f"{speed:,.0f}", cpu, f"{_median(runs, 'peak_mb'):.0f} MB", *ratios)


def _speed(runs: list[Row]) -> float | None:
    return None if _why_none(runs) else int(runs[0]["n"]) / _median(runs, "wall")


def _why_none(runs: list[Row]) -> str:
    """Say why a contender has no figures; nothing where it has."""
    if reasons := [row["left_out"] for row in runs if "left_out" in row]:
        return f"left out: {reasons[0]}"
    return "failed" if any(map(_failed, runs)) else ""


def _failed(row: Row) -> bool:
    return bool(row["rc"]) or row["records"] != row["n"]


def _median(runs: list[Row], what: str) -> float:
    return statistics.median(float(row[what]) for row in runs)


def _not_run(options: argparse.Namespace, contenders: Contenders) -> list[Row]:
    """Return a row for each cell that the harness passes over in silence."""
    return [
        {"scenario": scenario, "n": int(n), "latency": float(latency), "name": name, "left_out": reason}
        for scenario in options.scenario.split(",")
        for n in options.n.split(",")
        for latency in options.latency.split(",")
        for name, reason in contenders.over_limit(scenario, int(n)).items()
    ]


def _run(options: argparse.Namespace, contenders: Contenders, scenario: str, work: Path, out: Path) -> None:
    job = shlex.join(["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "bench.inbound"])
    given = {
        "--envs": options.envs,
        "--work": work,
        "--n": options.n,
        "--latency": options.latency,
        "--runs": options.runs,
        "--scenario": scenario,
        "--only": ",".join((*contenders.specs, PRODUCT)),
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


def _contenders(options: argparse.Namespace) -> Contenders:
    _harness(options)
    try:
        return Contenders.choose(options.contenders.split(","), Path(options.harness), Path(options.envs))
    except ValueError as error:
        raise SystemExit(f"--contenders: {error}") from None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--harness", required=True, help="folder of run_bench.py")
    parser.add_argument("--envs", required=True, help="folder of the contenders' environments")
    names = ",".join(CONTENDERS)
    parser.add_argument("--contenders", default=names, help="beside the product (default: %(default)s)")
    parser.add_argument("--n", default="10000,100000", help="numbers of records")
    parser.add_argument("--latency", default="0,50", help="of the source, in milliseconds")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scenario", default=",".join(SCENARIOS))
    return parser.parse_args()


if __name__ == "__main__":
    main()
