"""The bench's own source and job."""

from __future__ import annotations

from pathlib import Path

from bench.processes import sync_once
from bench.source import running


def test_the_bench_syncs_every_record_of_its_source(tmp_path: Path) -> None:
    """Over several pages, and again over the same folder; the kernel's account of it is there."""
    with running(250) as source:
        costs = [sync_once(source, tmp_path, records=250, page=100) for _ in range(2)]
    assert all(cost.wall_seconds > 0 and cost.cpu_seconds > 0 and cost.peak_mb > 1 for cost in costs)
