"""HealthMonitor: the line that alerts wait for and workbooks chart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.functions.live_app import FUNCTIONS, live_app


async def test_its_line_is_a_sign_of_life_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It comes without any integration too, and names no tenant."""
    monitor = next(function for function in FUNCTIONS if function.name == "HealthMonitor")
    async with live_app(tmp_path, monkeypatch, [("LOG_LEVEL", "info")]):
        await monitor.call(timer=None)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line["message"] == "Integrations were counted"]
    assert set(line["metadata"]["byStatus"].values()) == {0}
    assert line["metadata"]["byHealth"] == {"healthy": 0, "degraded": 0, "unhealthy": 0}
    assert line["context"] == {"operation": "health"}
