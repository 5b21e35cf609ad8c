"""Who takes part in the bench: who was asked for, where environment and harness allow it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.peers import ROOT

SPECS: dict[str, dict[str, Any]] = {
    "limit-engine": {"cmd": "{base} limit.py"},
    "dlt-sqlite": {"cmd": "{dlt} dlt_rest.py", "max_n_again": 20},
    "singer-tap-target": {"sh": "{singer} tap.py | {singer} target.py"},
}
HARNESS = """\
import argparse, json
parser = argparse.ArgumentParser()
for name in ("envs", "work", "n", "latency", "runs", "scenario", "only", "add", "out"):
    parser.add_argument(f"--{name}")
options = parser.parse_args()
with open(options.out, "a") as out:
    for n in map(int, options.n.split(",")):
        for name in options.only.split(","):
            if name == "dlt-sqlite" and options.scenario != "first" and n > 20:
                continue
            row = {"name": name, "scenario": options.scenario, "n": n, "latency": float(options.latency)}
            out.write(json.dumps({**row, "rc": 0, "records": n, "wall": 1, "cpu": 1, "peak_mb": 1}) + "\\n")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A harness that runs nothing, and the environments that it would need for all but Singer."""
    tmp_path.joinpath("contenders.json").write_bytes(orjson.dumps(SPECS))
    tmp_path.joinpath("run_bench.py").write_text(HARNESS)
    for name in ("base", "dlt"):
        python = tmp_path / name / "bin/python"
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)
    return tmp_path


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.peers", "--latency", "0"]
    command += ["--harness", str(folder), "--envs", str(folder)]
    return subprocess.run(
        [*command, *arguments], check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_who_can_not_take_part_is_named_with_the_reason(folder: Path) -> None:
    """A cell that the harness does not run, and one whose environment is missing: neither is a failure."""
    names = ",".join(SPECS)
    found = bench(folder, "--contenders", names, "--n", "10,100", "--scenario", "first,resync")
    assert found.returncode == 0, found.stderr
    lines = found.stdout.splitlines()
    assert [" | ".join(line.split(" | ")[:5]) for line in lines if "dlt-sqlite" in line][1:] == [
        "| first | 10 | 0 ms | dlt-sqlite | 10",
        "| first | 100 | 0 ms | dlt-sqlite | 100",
        "| resync | 10 | 0 ms | dlt-sqlite | 10",
        "| resync | 100 | 0 ms | dlt-sqlite | left out: the harness runs it up to 20 records here",
    ]
    assert lines[-1] == (
        f"Left out, their environments are missing: singer-tap-target (no {folder}/singer/bin/python)."
    )


def test_only_those_asked_for_take_part(folder: Path) -> None:
    """The app always does; the ratios to others stay empty."""
    found = bench(folder, "--contenders", "limit-engine", "--n", "10", "--scenario", "first")
    assert [line.split(" | ")[3] for line in found.stdout.splitlines()[2:]] == ["limit-engine", "product"]


def test_a_contender_that_the_harness_does_not_have_is_refused(folder: Path) -> None:
    """By name, with those that it has."""
    found = bench(folder, "--contenders", "limit-engine,airbyte")
    assert found.returncode != 0
    assert found.stderr.strip() == f"--contenders: no contender airbyte; the harness has: {', '.join(SPECS)}"
