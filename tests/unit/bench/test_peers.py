"""The table of contenders, from the lines that a harness writes."""

from __future__ import annotations

from typing import Any

from bench.peers import table


def run(name: str, wall: float, **changes: Any) -> dict[str, Any]:
    row = {"name": name, "scenario": "first", "n": 1000, "latency": 0.0, "rc": 0, "records": 1000}
    return {**row, "wall": wall, "cpu": wall / 2, "peak_mb": 50.0, **changes}


def lines(*runs: dict[str, Any]) -> list[str]:
    return table(runs).splitlines()[2:]


def test_the_table_has_medians_and_ratios_to_floor_and_peer() -> None:
    """Of several runs the middle one counts, and a ratio is one speed beside another."""
    found = lines(
        *(run("limit-engine", 0.5), run("dlt-sqlite", 4.0)),
        *(run("product", 9.0), run("product", 1.0), run("product", 0.9)),
    )
    assert found == [
        "| first | 1,000 | 0 ms | limit-engine | 2,000 | 250 us | 50 MB | 1.00 | 8.00 |",
        "| first | 1,000 | 0 ms | dlt-sqlite | 250 | 2000 us | 50 MB | 0.12 | 1.00 |",
        "| first | 1,000 | 0 ms | product | 1,000 | 500 us | 50 MB | 0.50 | 4.00 |",
    ]


def test_a_contender_that_failed_once_has_no_figures() -> None:
    """A run that ends badly or reads too few records is no run, however fast; others have no ratio to it."""
    found = lines(
        *(run("limit-engine", 0.5), run("limit-engine", 0.1, records=999)),
        *(run("dlt-sqlite", 4.0), run("product", 1.0), run("product", 0.1, rc=1)),
    )
    assert found == [
        "| first | 1,000 | 0 ms | limit-engine | failed |  |  |  |  |",
        "| first | 1,000 | 0 ms | dlt-sqlite | 250 | 2000 us | 50 MB |  | 1.00 |",
        "| first | 1,000 | 0 ms | product | failed |  |  |  |  |",
    ]


def test_ratios_are_taken_within_one_cell() -> None:
    """Another scenario, size or latency has ratios of its own, and none where a peer did not take part."""
    found = lines(
        *(run("limit-engine", 0.5), run("product", 1.0)),
        *(run("limit-engine", 0.5, latency=50.0), run("product", 0.5, latency=50.0)),
    )
    ratios = [line.split(" | ", 7)[-1] for line in found]
    assert ratios == ["1.00 |  |", "0.50 |  |", "1.00 |  |", "1.00 |  |"]
